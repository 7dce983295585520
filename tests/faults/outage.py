"""The mail server away for a day of the world clock, or for three, while people go on working."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2

from tests.faults.evidence import Expected
from tests.faults.main_job import MainJob, expected_of
from tests.faults.site import Site

_JUMP_PATIENCE = 600  # seconds


@dataclass
class Outage:
    """Half of the jobs hold their confirmation link when the mail server goes; the others apply while it is away.

    `jobs`: of each kind; every mail that waits is tried about fifty times a day.
    """

    site: Site
    hours: int = 24
    jobs: int = 4
    expected: list[Expected] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"up": [], "down": []})
    """Of each request, by whether there was a mail server."""
    arrived_meanwhile: int = 0

    async def run(self) -> None:
        early = await self._applied("early", "up")
        await asyncio.gather(*(job.ready_for("confirm") for job in early))
        before = await self._confirmed("before")
        await self._decided(before, "up")
        await self.site.sink.go_down()
        taken = len(self.site.sink.accepted)
        late = await self._through_the_day(early)
        self.arrived_meanwhile = len(self.site.sink.accepted) - taken
        await self.site.sink.come_up()
        await advance(self.site, "PT1H")
        await asyncio.gather(*(job.finish() for job in [*before, *early, *late]))

    @property
    def slowdown(self) -> float:
        """How much longer the median request takes without a mail server."""
        return statistics.median(self.seconds["down"]) / statistics.median(self.seconds["up"])

    async def _through_the_day(self, early: Sequence[MainJob]) -> list[MainJob]:
        await self._decided(early, "down")
        await advance(self.site, f"PT{self.hours - 4}H")
        late = await self._applied("late", "down")
        await advance(self.site, "PT4H")
        return late

    async def _applied(self, name: str, when: str) -> list[MainJob]:
        jobs = [MainJob(self.site, f"{name}-{number:02}") for number in range(self.jobs)]
        self.expected += [expected_of(job) for job in jobs]
        for job in jobs:
            await self._timed(job, "apply", when)
        return jobs

    async def _confirmed(self, name: str) -> list[MainJob]:
        jobs = [MainJob(self.site, f"{name}-{number:02}") for number in range(self.jobs)]
        self.expected += [expected_of(job) for job in jobs]
        await asyncio.gather(*(job.ready_for("confirm") for job in jobs))
        return jobs

    async def _decided(self, jobs: Sequence[MainJob], when: str) -> None:
        for job in jobs:
            await job.until("confirm")
            await self._timed(job, "hold", when)
            await self._timed(job, "approve", when)

    async def _timed(self, job: MainJob, step: str, when: str) -> None:
        await job.ready_for(step)
        began = time.monotonic()
        await job.begin(step)
        self.seconds[when].append(time.monotonic() - began)


async def advance(site: Site, by: str) -> None:
    """Jump ahead, under rehearsal; everything due by then is done."""
    url = f"{site.api_url}/v1/rehearsal/advance"
    async with httpx2.AsyncClient(timeout=_JUMP_PATIENCE, headers=site.operator) as operator:
        answer = (await operator.post(url, json={"by": by})).raise_for_status().json()
    assert not answer["unfinished"], answer
