"""The twenty moments of the main job at which a part is killed: nineteen of every job, one of a signup's deadline.

Each drives a few jobs to its point, kills there, and lets go; the jobs then finish as they can.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.gates import Gate, Place
from tests.faults.job import Job
from tests.faults.sink import Stage
from tests.faults.site import EVERYTHING, WORKER, Site


@dataclass
class Scene:
    """A few jobs at one moment, and the part that is killed there."""

    site: Site
    part: str
    jobs: list[Job]
    arrives_within: float = 30
    """Seconds until jobs that nobody harms yet must have come to their point."""
    killed: int | None = field(default=None, init=False)
    """The process id."""

    def strike(self) -> None:
        self.killed = self.site.kill(self.part)

    def gate(self, place: Place, what: str) -> Gate:
        return Gate(self.site.database_url, place, what, [job.tenant_id for job in self.jobs])

    async def all(self, act: Callable[[Job], Awaitable[object]]) -> None:
        async with asyncio.timeout(self.arrives_within):
            await asyncio.gather(*(act(job) for job in self.jobs))

    def begin(self, step: str) -> None:
        for job in self.jobs:
            job.begin(step)


Play = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Moment:
    number: int
    name: str
    play: Play


def before(step: str) -> Play:
    """The request goes out into the outage."""

    async def play(scene: Scene) -> None:
        await scene.all(lambda job: job.ready_for(step))
        scene.strike()
        scene.begin(step)

    return play


def under_way(step: str, milliseconds: int) -> Play:
    """The request has been sent so long ago."""

    async def play(scene: Scene) -> None:
        await scene.all(lambda job: job.ready_for(step))
        scene.begin(step)
        await asyncio.sleep(milliseconds / 1000)
        scene.strike()

    return play


def answered(step: str, milliseconds: int = 0) -> Play:
    """The client has its answer; what follows it by itself has just begun."""

    async def play(scene: Scene) -> None:
        await scene.all(lambda job: job.until(step))
        await asyncio.sleep(milliseconds / 1000)
        scene.strike()

    return play


def inside(step: str, what: str, *, each: int = 1) -> Play:
    """The step's rows are written and not committed. `each`: transactions of one job."""

    async def play(scene: Scene) -> None:
        await scene.all(lambda job: job.ready_for(step))
        async with scene.gate(Place.INSIDE, what) as gate:
            scene.begin(step)
            await gate.holds(len(scene.jobs) * each)
            scene.strike()

    return play


def at_commit(step: str, what: str) -> Play:
    """The step's commit has been asked for. A worker is killed after it: what is done, it never hears of."""

    async def play(scene: Scene) -> None:
        await scene.all(lambda job: job.ready_for(step))
        async with scene.gate(Place.AT_COMMIT, what) as gate:
            scene.begin(step)
            await gate.holds(len(scene.jobs))
            if scene.part in {WORKER, EVERYTHING}:
                scene.site.freeze(WORKER)
                await gate.open()
                await gate.passed()
            scene.strike()

    return play


def in_mail(step: str, stage: Stage, recipient: str) -> Play:
    """A mail that follows from the step is being handed over. `recipient`: what they are to the job."""

    async def play(scene: Scene) -> None:
        await scene.all(lambda job: job.ready_for(step))
        recipients = {job.addresses[recipient] for job in scene.jobs}
        async with scene.site.sink.held(stage, recipients.__contains__) as hold:
            scene.begin(step)
            async with asyncio.timeout(scene.arrives_within):
                await hold.waiting.wait()
            scene.strike()
            # Long enough for the kernel to tell the mail server that a killed sender has gone.
            await asyncio.sleep(0.1)

    return play


MOMENTS = [
    Moment(number, name, play)
    for number, (name, play) in enumerate(
        [
            ("before the application is sent", before("apply")),
            ("application under way, 10 ms", under_way("apply", 10)),
            ("application written, not committed", inside("apply", "application_submitted")),
            ("application committed, nobody told", at_commit("apply", "application_submitted")),
            ("application answered", answered("apply")),
            ("confirmation mail, before its data", in_mail("apply", Stage.BEFORE_DATA, "applicant")),
            ("confirmation mail, after its final dot", in_mail("apply", Stage.AFTER_DOT, "applicant")),
            ("confirmation written, not committed", inside("confirm", "application_confirmed")),
            ("confirmation answered, mails begin", answered("confirm", 5)),
            ("before the hold is sent", before("hold")),
            ("hold committed, nobody told", at_commit("hold", "application_put_on_hold")),
            ("before the approval is sent", before("approve")),
            ("approval under way, 5 ms", under_way("approve", 5)),
            ("approval written, not committed", inside("approve", "application_approved")),
            ("approval committed, nobody told", at_commit("approve", "application_approved")),
            ("approval answered, signups begin", answered("approve", 10)),
            ("signups written, not committed", inside("approve", "signup_opened", each=2)),
            ("signup mail, after its final dot", in_mail("approve", Stage.AFTER_DOT, "registers")),
            ("registration committed, nobody told", at_commit("register", "signup_registered")),
        ],
        start=1,
    )
]
