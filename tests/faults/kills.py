"""Killing each part at each moment, while the jobs of the moments before are still finishing."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.faults.job import Job
from tests.faults.moments import Moment, Scene
from tests.faults.site import Site

JOBS_PER_KILL = 2
J = TypeVar("J", bound=Job)


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


class Kills(Generic[J]):
    """`make`: a job of that name. `arrives_within`: seconds until it must have come to its moment."""

    def __init__(self, site: Site, make: Callable[[Site, str], J], *, arrives_within: float = 30) -> None:
        self._site = site
        self._make = make
        self._arrives_within = arrives_within
        self.injections: list[Injection] = []
        self.jobs: list[J] = []
        self._finishing: list[asyncio.Task[None]] = []

    async def inject(self, moments: Sequence[Moment], parts: Sequence[str]) -> None:
        """Each part at each moment. The parts take turns, so that none dies before it has settled."""
        for moment in moments:
            for part in parts:
                await self.strike(moment, part)

    async def strike(self, moment: Moment, part: str) -> None:
        names = [f"kill{moment.number:02}-{len(self.injections)}-{n}" for n in range(JOBS_PER_KILL)]
        jobs = [self._make(self._site, name) for name in names]
        injection = Injection(part, moment.number, moment.name, names)
        self.injections.append(injection)
        self.jobs += jobs
        scene = self._scene(part, [*jobs])
        try:
            await moment.play(scene)
        except TimeoutError:
            injection.trouble.append("the jobs did not come to this moment")
        self._finishing += [asyncio.create_task(_finish(job, injection)) for job in jobs]
        if scene.killed is not None:
            injection.back_after = await self._recover(scene, scene.killed)

    def _scene(self, part: str, jobs: list[Job]) -> Scene:
        return Scene(self._site, part, jobs, self._arrives_within)

    async def _recover(self, scene: Scene, killed: int) -> float:
        """Seconds until everything answered again."""
        return await self._site.comes_back(scene.part, killed)

    async def finish(self) -> None:
        """Wait until every job has done all that it wishes."""
        await asyncio.gather(*self._finishing)


async def _finish(job: Job, injection: Injection) -> None:
    """What a job waits for in vain is a finding like any other, and keeps none of the others from being judged."""
    try:
        await job.finish()
    except TimeoutError as error:
        injection.trouble.append(f"{job.name} did not come to its end: {error}")
