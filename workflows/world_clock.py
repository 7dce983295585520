"""The rehearsal's time: the world clock of Temporal's test server, which workflows, pages and mails all go by."""

import asyncio
from datetime import UTC, datetime, timedelta

from google.protobuf.empty_pb2 import Empty
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client

from models.clock import Clock, SystemClock

ADVANCE_PATIENCE = timedelta(minutes=10)


class WorldClock:
    """A `models.clock.Clock`. `advance` is for one process only: the server does not take two jumps at a time."""

    def __init__(self, client: Client) -> None:
        self._test_service = client.service_client.test_service
        self._jump = asyncio.Lock()
        self.targets: dict[str, datetime] = {}
        """Where each request wants to go, by its command id: asked for again on the way, it is the same jump."""

    async def now(self) -> datetime:
        return (await self._test_service.get_current_time(Empty())).time.ToDatetime(UTC)

    async def advance(self, to: datetime) -> None:
        """Jump to the instant `to`, firing in order every timer due by then; an instant already past is no jump.

        The clock stands while a workflow task or an activity is under way, so this takes as long as those do. A jump
        once asked for is carried out even if the caller goes away, and a later one waits for its end.

        Raises:
            RPCError: the server is gone, or something under way did not end within ten minutes.
        """
        await asyncio.shield(self._advance(to))

    async def _advance(self, to: datetime) -> None:
        async with self._jump:
            distance = to - await self.now()
            if distance > timedelta(0):
                request = SleepRequest()
                request.duration.FromTimedelta(distance)
                await self._test_service.unlock_time_skipping_with_sleep(request, timeout=ADVANCE_PATIENCE)


def clock_of(client: Client, *, rehearsal: bool) -> Clock:
    """The clock of a process, handed down by its entry point."""
    return WorldClock(client) if rehearsal else SystemClock()
