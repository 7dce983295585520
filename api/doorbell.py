"""Who waits for word to which device, and the one connection per process on which that word comes (NOTIFY).

The word says only that there is something to look at. Whoever hears it looks into the database, under the device's
token; after a lost connection everybody looks, because nobody knows what was said meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import psycopg
import structlog

from models.database import Database
from models.device_commands import CHANNEL

_RECONNECT_AFTER_SECONDS = 0.5
_log = structlog.get_logger(__name__)


class Line:
    """One waiting poll: first of any device of the tenant, then of the one that it turned out to be.

    Listening begins before the first look, so that nothing is said in between.
    """

    def __init__(self, doorbell: "Doorbell", tenant_id: str) -> None:
        self._doorbell = doorbell
        self._tenant_id = tenant_id
        self.of = tenant_id
        self.bell = asyncio.Event()
        self._in_vain = False

    def narrow(self, registration_id: str) -> None:
        self._doorbell.move(self, f"{self._tenant_id} {registration_id}")

    async def rung(self, seconds: float) -> bool:
        """Wait until something was said, or so long: False. What was said since the last time counts.

        The bell itself is set when the time is over: an exception for each of thousands who wait in vain leaves a cycle
        of frames behind, which only a look through everything finds.
        """
        self._doorbell.listen()
        over = asyncio.get_running_loop().call_later(seconds, self._time_is_over)
        try:
            await self.bell.wait()
        finally:
            over.cancel()
        self.bell.clear()
        has_rung, self._in_vain = not self._in_vain, False
        return has_rung

    def _time_is_over(self) -> None:
        self._in_vain = not self.bell.is_set()
        self.bell.set()


class Doorbell:
    """Connects when the first device waits; a process that serves none needs no such connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lines: dict[str, set[Line]] = {}
        self._listener: asyncio.Task[None] | None = None
        self.is_closed = False

    @property
    def waiting(self) -> int:
        """How many polls of devices that are known."""
        return sum(len(lines) for of, lines in self._lines.items() if " " in of)

    @contextlib.contextmanager
    def line(self, tenant_id: str) -> Iterator[Line]:
        line = Line(self, tenant_id)
        self._lines.setdefault(tenant_id, set()).add(line)
        try:
            yield line
        finally:
            self._remove(line)

    def move(self, line: Line, to: str) -> None:
        if line.of != to:
            self._remove(line)
            line.of = to
            self._lines.setdefault(to, set()).add(line)

    def listen(self) -> None:
        if self._listener is None and not self.is_closed:
            self._listener = asyncio.create_task(self._listen())

    def let_go(self) -> None:
        """Nobody waits from here on: the process ends."""
        self.is_closed = True
        self._ring_all()

    async def close(self) -> None:
        self.let_go()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])

    def _remove(self, line: Line) -> None:
        lines = self._lines[line.of]
        lines.remove(line)
        if not lines:
            del self._lines[line.of]

    async def _listen(self) -> None:
        while True:
            try:
                async with self._database.listening(CHANNEL) as words:
                    self._ring_all()
                    async for word in words:
                        self._ring(word)
                        self._ring(word.partition(" ")[0])
            except (psycopg.Error, OSError) as error:
                _log.warning("out of reach", kind=type(error).__name__)
            await asyncio.sleep(_RECONNECT_AFTER_SECONDS)

    def _ring(self, of: str) -> None:
        for line in self._lines.get(of, ()):
            line.bell.set()

    def _ring_all(self) -> None:
        for of in self._lines:
            self._ring(of)
