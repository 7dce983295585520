"""A worker that stands still for longer than anybody waits for it, in the middle of its work, and then goes on.

Its tries have been given up meanwhile. Another worker has done them, or it does them itself, late.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local import kept_settings
from local.product_command import ProductCommand
from tests.faults.gates import Gate, Place
from tests.faults.kills import Injection
from tests.faults.main_job import MainJob
from tests.faults.sink import Stage
from tests.faults.site import TENANT, WORKER, Site

LATE, TAKEN_OVER = "goes on late", "another has taken over"
_FROZEN_FOR = {LATE: 26, TAKEN_OVER: 34}
"""Seconds. A command's try is given up after 10, a workflow task after 10, a local step's after 20, a mail's after 15
without a heartbeat, and its lease after 20. A transaction that stands still Postgres ends after 30."""
_ARRIVES_WITHIN = 30


@dataclass(frozen=True)
class Spot:
    """Where a job stands as its worker freezes: in the transaction that writes an entry, or in the applicant's mail."""

    name: str
    step: str
    where: Place | Stage
    entry: str = ""
    each: int = 1
    """Transactions of one job."""


# In this order each comes to its spot before the next one's gate, which it would have to pass, is closed.
IN_STEPS = (
    Spot("signups written, not committed", "approve", Place.INSIDE, "signup_opened", each=2),
    Spot("approval committed, nobody told", "approve", Place.AT_COMMIT, "application_approved"),
    Spot("hold written, not committed", "hold", Place.INSIDE, "application_put_on_hold"),
    Spot("confirmation committed, nobody told", "confirm", Place.AT_COMMIT, "application_confirmed"),
    Spot("application written, not committed", "apply", Place.INSIDE, "application_submitted"),
)
IN_MAIL = (
    Spot("confirmation mail, before its data", "apply", Stage.BEFORE_DATA),
    Spot("confirmation mail, after its final dot", "apply", Stage.AFTER_DOT),
)
FREEZES = ((IN_MAIL[0], *IN_STEPS), (IN_MAIL[1],))


@dataclass
class Zombies:
    site: Site
    injections: list[Injection] = field(default_factory=list)
    jobs: list[MainJob] = field(default_factory=list)

    async def freeze_at(self, spots: tuple[Spot, ...], how: str, *, seconds: float | None = None) -> None:
        """All of them at one freeze; a job each. One mail at most: the worker sends one after the other.

        `seconds`: fewer than it takes for everything to be given up.
        """
        jobs = [MainJob(self.site, f"frozen{len(self.jobs) + n:02}") for n in range(len(spots))]
        self.jobs += jobs
        mine = [
            Injection(f"worker frozen, {how}", 0, spot.name, [job.name]) for spot, job in zip(spots, jobs, strict=True)
        ]
        self.injections += mine
        await asyncio.gather(*(job.ready_for(spot.step) for spot, job in zip(spots, jobs, strict=True)))
        async with AsyncExitStack() as held, asyncio.timeout(_ARRIVES_WITHIN):
            for spot, job in zip(spots, jobs, strict=True):
                await held.enter_async_context(self._held(spot, job))
            worker = self.site.product.pids()[WORKER]
            os.kill(worker, signal.SIGSTOP)
        for spot, job in zip(spots, jobs, strict=True):
            if spot.where is Stage.AFTER_DOT:
                self._excuse_copy(job)
        async with self._successor(how):
            await asyncio.sleep(seconds or _FROZEN_FOR[how])
            os.kill(worker, signal.SIGCONT)
            went_on = time.monotonic()
            await self.site.answers()
            for injection in mine:
                injection.back_after = time.monotonic() - went_on
            await asyncio.gather(*(job.finish() for job in jobs))

    @asynccontextmanager
    async def _held(self, spot: Spot, job: MainJob) -> AsyncIterator[None]:
        """The job stands at its spot, until the end of the block."""
        if isinstance(spot.where, Stage):
            async with self.site.sink.held(spot.where, {job.applicant}.__contains__) as hold:
                job.begin(spot.step)
                await hold.waiting.wait()
                yield
        else:
            async with Gate(self.site.database_url, spot.where, spot.entry, [TENANT]) as gate:
                job.begin(spot.step)
                await gate.holds(spot.each)
                yield

    def _excuse_copy(self, job: MainJob) -> None:
        """What its sender never learns of while it stands still, the next one cannot know: SMTP's own exception."""
        for acceptance in self.site.sink.accepted:
            if acceptance.mail.recipient == job.applicant:
                acceptance.sender_froze = True

    @asynccontextmanager
    async def _successor(self, how: str) -> AsyncIterator[None]:
        """Another worker, with the settings of the frozen one, where one takes over."""
        if how is not TAKEN_OVER:
            yield
            return
        folder: Path = self.site.product.data_dir
        worker = ProductCommand(
            ["worker"], log=folder / "logs" / "worker-2.log", environment=kept_settings.read(folder)
        )
        await asyncio.to_thread(worker.spawn)
        try:
            yield
        finally:
            await asyncio.to_thread(worker.stop)
