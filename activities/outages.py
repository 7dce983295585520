"""A database or an engine out of reach comes back: what cannot be done again from the beginning waits for it."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from temporalio.service import RPCError, RPCStatusCode

OUTAGES = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
_AGAIN_AFTER = 0.5  # seconds
ENGINE_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        # What a server says that dies in the middle of a call, or is only just starting, or whose worker dies.
        RPCStatusCode.ABORTED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
        # What it says of a command to a procedure whose worker has died three times within one task.
        RPCStatusCode.FAILED_PRECONDITION,
    }
)


def is_outage(error: Exception) -> bool:
    if isinstance(error, OUTAGES):
        return True
    if isinstance(error, RPCError):
        return error.status in ENGINE_AWAY
    return isinstance(error, DBAPIError) and error.connection_invalidated and not isinstance(error, IntegrityError)


async def outlasting(work: Callable[[], Awaitable[None]]) -> None:
    """Do the work, which does no harm twice, as often as it takes until no outage is in its way."""
    while True:
        try:
            return await work()
        except Exception as error:
            if not is_outage(error):
                raise
            await asyncio.sleep(_AGAIN_AFTER)
