"""Killing each part at each moment, while the jobs of the moments before are still finishing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.evidence import Expected
from tests.faults.job import Job
from tests.faults.moments import Moment, Scene
from tests.faults.site import Site

JOBS_PER_KILL = 2


@dataclass
class Injection:
    """A part killed at a moment, and what became of it."""

    part: str
    number: int
    moment: str
    jobs: list[str]
    back_after: float | None = None
    """Seconds until everything answered again."""
    trouble: list[str] = field(default_factory=list)
    survived: int = 0
    """Jobs that came through it as if nothing had happened."""


def expected_of(job: Job, *, also: tuple[str, ...] = (), **otherwise: Any) -> Expected:
    """All that the job wishes must come true. `also`: more than its steps; `otherwise`: what differs from the usual."""
    return Expected(job.name, job.applicant, job.registers, job.lingers, acts=(*job.steps, *also), **otherwise)


class Kills:
    def __init__(self, site: Site) -> None:
        self._site = site
        self.injections: list[Injection] = []
        self.expected: list[Expected] = []
        self._finishing: list[asyncio.Task[None]] = []

    async def inject(self, moments: Sequence[Moment], parts: Sequence[str]) -> None:
        """Each part at each moment. The parts take turns, so that none dies before it has settled."""
        for moment in moments:
            for part in parts:
                await self.strike(moment, part)

    async def strike(self, moment: Moment, part: str) -> None:
        names = [f"kill{len(self.injections):02}-{n}" for n in range(JOBS_PER_KILL)]
        jobs = [Job(self._site, name) for name in names]
        injection = Injection(part, moment.number, moment.name, names)
        self.injections.append(injection)
        self.expected += [expected_of(job) for job in jobs]
        scene = Scene(self._site, part, jobs)
        try:
            await moment.play(scene)
        except TimeoutError:
            injection.trouble.append("the jobs did not come to this moment")
        self._finishing += [asyncio.create_task(job.finish()) for job in jobs]
        if scene.killed is not None:
            injection.back_after = await self._site.comes_back(part, scene.killed)

    async def finish(self) -> None:
        """Wait until every job has done all that it wishes."""
        await asyncio.gather(*self._finishing)
