"""The network between the product and each of its servers at fault, while main jobs stand at their worst moments."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.detours import MAIL, POSTGRES, TEMPORAL, Detours
from tests.faults.job import Job
from tests.faults.kills import Kills
from tests.faults.main_job import MainJob
from tests.faults.moments import MOMENTS, Moment, Scene
from tests.faults.site import Site
from tests.faults.tcp_proxy import TcpProxy

SETTINGS = {"TETSUZUKI_DURATIONS__MAIL_UNKNOWN_PAUSE": "PT5S"}
"""In place of ten minutes, after a conversation that broke after a mail's final dot."""
QUIET_WITHIN = 300  # seconds: a procedure ends with its last delivery, and that has pauses of its own
_MET_WITHIN = 20  # seconds


@dataclass(frozen=True)
class Fault:
    """`lasts`: seconds from the first who met it."""

    name: str
    begin: Callable[[TcpProxy], None]
    lasts: float


REFUSED = Fault("refused", TcpProxy.refuse, 3)
BLACKHOLE = Fault("blackhole", TcpProxy.blackhole, 8)
RESET = Fault("reset mid-message", TcpProxy.reset_mid_message, 3)
DELAY = Fault("2 s later", lambda proxy: proxy.delay(2), 8)
DROP = Fault("cut off after 1,500 bytes", lambda proxy: proxy.drop_after(1500), 3)
HALF_OPEN = Fault("half-open", TcpProxy.half_open, 8)
FAULTS = (REFUSED, BLACKHOLE, RESET, DELAY, DROP, HALF_OPEN)

_MOMENTS = {MAIL: (6, 7, 9, 18), POSTGRES: (3, 4, 8, 14, 15, 5), TEMPORAL: (2, 5, 11, 13, 16, 14)}
"""What matters most to each, of `MOMENTS`, by number. The mail server comes first: it costs pauses of minutes."""


@dataclass(frozen=True)
class Case:
    server: str
    fault: Fault
    number: int
    """Of the moment."""

    @property
    def name(self) -> str:
        return f"{self.server}: {self.fault.name}"

    @property
    def moment(self) -> Moment:
        return MOMENTS[self.number - 1]


def all_cases() -> list[Case]:
    """Each fault before each server, at two of its moments: 36."""
    return [
        Case(server, fault, numbers[(position + turn) % len(numbers)])
        for server, numbers in _MOMENTS.items()
        for position, fault in enumerate(FAULTS)
        for turn in (0, len(numbers) // 2)
    ]


@dataclass
class Disturbed(Scene):
    """Where a kill would fall, the fault begins."""

    fault: Fault = field(kw_only=True)
    proxy: TcpProxy = field(kw_only=True)

    def strike(self) -> None:
        self.fault.begin(self.proxy)
        self.killed = 0


class Disturbances(Kills[MainJob]):
    def __init__(self, site: Site, detours: Detours) -> None:
        super().__init__(site, MainJob)
        self._detours = detours
        self._cases: dict[str, Case] = {}

    async def meet(self, cases: Sequence[Case]) -> None:
        """One after the other; the jobs of those before are still finishing."""
        for case in cases:
            self._cases[case.name] = case
            await self.strike(case.moment, case.name)

    def _scene(self, part: str, jobs: list[Job]) -> Scene:
        case = self._cases[part]
        proxy = self._detours.by[case.server]
        return Disturbed(self._site, part, jobs, self._arrives_within, fault=case.fault, proxy=proxy)

    async def _recover(self, scene: Scene, killed: int) -> float:
        """From the lifting of the fault on."""
        assert isinstance(scene, Disturbed)
        try:
            async with asyncio.timeout(_MET_WITHIN):
                await scene.proxy.touched.wait()
            await asyncio.sleep(scene.fault.lasts)
        except TimeoutError:
            self.injections[-1].trouble.append("nobody met the fault")
        await scene.proxy.lift()
        lifted = time.monotonic()
        await self._site.answers()
        return time.monotonic() - lifted
