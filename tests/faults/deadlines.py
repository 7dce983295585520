"""The twentieth moment: reminders and expiries that fall due while a part is dead are done once, when it is back.

The seven days of a signup are a setting; here they are seconds, on the real engine and the real clock.
"""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import psycopg

from tests.faults.evidence import Expected
from tests.faults.kills import Injection
from tests.faults.main_job import MainJob, expected_of
from tests.faults.site import EVERYTHING, PARTS, TENANT, WORKER, Site

SIGNUP = timedelta(seconds=20)
FIRST_REMINDER = timedelta(seconds=12)  # before the end, like the next
SECOND_REMINDER = timedelta(seconds=6)
SETTINGS = {
    "TETSUZUKI_DURATIONS__SIGNUP": "PT20S",
    "TETSUZUKI_DURATIONS__SIGNUP_REMINDERS_BEFORE_END": '["PT12S", "PT6S"]',
}
_JUST_BEFORE = timedelta(milliseconds=50)
_BETWEEN_PARTS = 3  # seconds
JOBS = 2


class Deadlines:
    """Each of its plays makes a few jobs whose second user never registers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.injections: list[Injection] = []
        self.expected: list[Expected] = []

    async def run(self) -> None:
        """Each part dies as things fall due; then the worker, then everything, is dead while all of it falls due."""
        await asyncio.gather(*(self._dies_as_due(part, after=n * _BETWEEN_PARTS) for n, part in enumerate(PARTS)))
        await self._dead_all_along(WORKER)
        await self._dead_all_along(EVERYTHING)

    async def _dies_as_due(self, part: str, *, after: float) -> None:
        await asyncio.sleep(after)
        injection, expires_at = await self._begin(part, "as a reminder, then the expiry, falls due", reminders=(1, 2))
        for due in (expires_at - FIRST_REMINDER, expires_at):
            await _until(due - _JUST_BEFORE)
            injection.back_after = await self._site.comes_back(part, self._site.kill(part))

    async def _dead_all_along(self, part: str) -> None:
        """What is too late for a reminder gets none: the link is dead."""
        injection, expires_at = await self._begin(part, "dead while all of these fall due", reminders=(0,))
        supervisor = self._site.product.process.pid
        if part != EVERYTHING:
            os.kill(supervisor, signal.SIGSTOP)  # or it would start the part again at once
        killed = self._site.kill(part)
        await _until(expires_at + timedelta(seconds=1))
        if part != EVERYTHING:
            os.kill(supervisor, signal.SIGCONT)
        injection.back_after = await self._site.comes_back(part, killed)

    async def _begin(self, part: str, name: str, *, reminders: tuple[int, ...]) -> tuple[Injection, datetime]:
        """Jobs whose first user has registered, and when the first of the others' signups expires."""
        number = len(self.injections)
        jobs = [MainJob(self._site, f"due{number}-{n}") for n in range(JOBS)]
        injection = Injection(part, 20, name, [job.name for job in jobs])
        self.injections.append(injection)
        self.expected += [expected_of(job, lingering="signup_expired", reminders=reminders) for job in jobs]
        await asyncio.gather(*(job.finish() for job in jobs))
        return injection, min(await asyncio.gather(*(self._expiry(job.lingers) for job in jobs)))

    async def _expiry(self, address: str) -> datetime:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._site.database_url) as connection:
                    await connection.execute("SELECT set_config('app.tenant', %s, true)", (TENANT,))
                    found = await connection.execute(
                        "SELECT signup_expires_at FROM portal_users WHERE mail_address = %s", (address,)
                    )
                    row = await found.fetchone()
            except psycopg.OperationalError:
                row = None
            if row is not None and row[0] is not None:
                expires_at: datetime = row[0]
                return expires_at
            await asyncio.sleep(0.1)


async def _until(instant: datetime) -> None:
    await asyncio.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))
