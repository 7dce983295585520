"""How soon remote support of a UTM may be asked for again: nobody is to be worn down.

Whoever presses *approve* because the twentieth mail has come has not approved. What was begun at the device asks nobody
and does not count. Not in a rehearsal, whose runs ask as often as they like.
"""

import math
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select

from api.context import Context
from models.device_refusals import RemoteSupportDenied
from models.device_vocabulary import RemoteSupportState
from models.refusals import TooManyRequests
from models.rules.remote_support import asked_too_often_until
from models.tables.devices import RemoteSupport as Sessions


async def refuse_too_soon(context: Context, utm: Row[Any], request_id: str) -> None:
    """`request_id`: of the request itself, which may have been recorded before its answer was lost.

    Raises:
        RemoteSupportDenied, TooManyRequests: with the seconds after which the desk may ask again.
    """
    if context.settings.rehearsal:
        return
    now, durations = await context.clock.now(), context.settings.durations
    pause = durations.remote_support_pause
    earlier = await _earlier(context, utm, request_id, now - pause)
    denied = [row.ended_at for row in earlier if row.state == RemoteSupportState.DENIED]
    if denied:
        raise RemoteSupportDenied(retry_after=_seconds(max(denied) + pause, now))
    requested = [row.requested_at for row in earlier if row.requested_at > now - pause]
    until = asked_too_often_until(requested, requests=durations.remote_support_requests, within=pause)
    if until is not None:
        raise TooManyRequests(retry_after=_seconds(until, now))


async def _earlier(context: Context, utm: Row[Any], request_id: str, since: datetime) -> list[Row[Any]]:
    """The requests about the UTM, also under an earlier registration with the same customer."""
    async with context.database.transaction(utm.tenant_id) as connection:
        found = await connection.execute(
            select(Sessions.state, Sessions.requested_at, Sessions.ended_at).where(
                Sessions.tenant_id == utm.tenant_id,
                Sessions.customer_id == utm.customer_id,
                Sessions.utm_id == utm.utm_id,
                Sessions.request_id != request_id,
                Sessions.approval_id.is_not(None),
                or_(Sessions.requested_at > since, Sessions.ended_at > since),
            )
        )
        return [*found]


def _seconds(until: datetime, now: datetime) -> int:
    return max(1, math.ceil((until - now).total_seconds()))
