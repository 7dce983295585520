"""Each kind of job with its yard, and how its ledgers are read: for lanes that are the same for every kind."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from tests.faults import (
    approval_invariants,
    approval_job,
    contract_invariants,
    contract_job,
    device_yard,
    main_invariants,
    restart_invariants,
    restart_job,
)
from tests.faults.approval_evidence import ApprovalEvidence, gather_approvals
from tests.faults.approval_job import ENDED_BY_THE_DESK, ApprovalJob, ApprovalYard, SupportJob, ViewerJob
from tests.faults.clocks import Clocks, Places
from tests.faults.contract_evidence import ContractEvidence, gather_contracts
from tests.faults.contract_job import ContractJob
from tests.faults.evidence import Evidence
from tests.faults.gathering import become_quiet, gather
from tests.faults.job import Job
from tests.faults.lanes import RESTLESS
from tests.faults.ledgers import Ledgers
from tests.faults.main_job import MainJob, expected_of
from tests.faults.restart_evidence import RestartEvidence, gather_restarts
from tests.faults.restart_job import RestartJob
from tests.faults.site import TENANT, Site
from tests.faults.violation import Violation

J = TypeVar("J", bound=Job)
_AFTER_THE_OUTAGE = 75  # seconds


class Cast(ABC, Generic[J]):
    """`evidence`: what its ledgers are read into. `size`: jobs that stand at every step between them."""

    evidence: ClassVar[type[Ledgers]]
    size: ClassVar[int]

    def __init__(self, folder: Path) -> None:
        self.environment: Mapping[str, str] = {}
        self.jobs: list[J] = []

    @asynccontextmanager
    async def on(self, site: Site) -> AsyncIterator[None]:
        """From here on it has a site."""
        self._site = site
        yield

    def job(self, name: str) -> J:
        """One more."""
        made = self.make(name)
        self.jobs.append(made)
        return made

    @abstractmethod
    def make(self, name: str) -> J: ...

    @abstractmethod
    async def judged(self) -> list[Violation]: ...

    def step_of(self, number: int, job: J) -> str:
        """Before which step the job of that number is to stand."""
        return job.steps[number % len(job.steps)]

    def brace(self, job: J) -> None:
        """For an outage: what the job has yet to ask for must not be past when it is over."""

    def tenants(self) -> list[str]:
        """Whose procedures have to come to rest."""
        return [TENANT]

    async def violations(self) -> list[Violation]:
        """Once all is quiet."""
        quiet = await become_quiet(self._site, self.evidence, self.tenants())
        return [*([] if quiet else [Violation("rest", "the run", RESTLESS)]), *await self.judged()]


class MainCast(Cast[MainJob]):
    """Service applications and signups."""

    evidence = Evidence
    size = 5

    def make(self, name: str) -> MainJob:
        return MainJob(self._site, name)

    async def judged(self) -> list[Violation]:
        return main_invariants.violations(await gather(self._site, [expected_of(job) for job in self.jobs]))


class RestartCast(Cast[RestartJob]):
    """Restarts by simulated devices. `slot_in`: seconds from a replacement to its slot."""

    evidence = RestartEvidence
    size = 2

    def __init__(self, folder: Path, *, slot_in: float = 8) -> None:
        super().__init__(folder)
        self._places = Places(folder / "zones")
        self._slot_in = slot_in
        self.environment = device_yard.SETTINGS | self._places.environment

    @asynccontextmanager
    async def on(self, site: Site) -> AsyncIterator[None]:
        async with super().on(site), restart_job.Yard(site, self._places) as self._yard:
            yield

    def make(self, name: str) -> RestartJob:
        return RestartJob(self._site, name, self._yard, slot_in=self._slot_in)

    def brace(self, job: RestartJob) -> None:
        job.slot_in = _AFTER_THE_OUTAGE

    async def judged(self) -> list[Violation]:
        return restart_invariants.violations(await gather_restarts(self._site, self._yard, self.jobs))

    def tenants(self) -> list[str]:
        return [job.tenant_id for job in self.jobs]


class ApprovalCast(Cast[ApprovalJob]):
    """Remote support, and every second time viewer access."""

    evidence = ApprovalEvidence
    size = 14

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment = approval_job.SETTINGS

    @asynccontextmanager
    async def on(self, site: Site) -> AsyncIterator[None]:
        async with super().on(site), ApprovalYard(site) as self._yard:
            yield

    def make(self, name: str) -> ApprovalJob:
        if len(self.jobs) % 2:
            return ViewerJob(self._site, name, self._yard)
        return SupportJob(self._site, name, self._yard, steps=ENDED_BY_THE_DESK)

    def step_of(self, number: int, job: ApprovalJob) -> str:
        return super().step_of(number // 2, job)

    async def judged(self) -> list[Violation]:
        return approval_invariants.violations(await gather_approvals(self._site, self._yard, self.jobs))

    def tenants(self) -> list[str]:
        return [job.tenant_id for job in self.jobs]


class ContractCast(Cast[ContractJob]):
    """Contracts with their return kits. `ends_in`: seconds from a cancellation to the contract's end."""

    evidence = ContractEvidence
    size = 4

    def __init__(self, folder: Path, *, ends_in: float = 8) -> None:
        super().__init__(folder)
        self._clocks = Clocks(folder / "zones")
        self._ends_in = ends_in
        self.environment = contract_job.SETTINGS | self._clocks.environment

    @asynccontextmanager
    async def on(self, site: Site) -> AsyncIterator[None]:
        self._yard = contract_job.Yard(self._clocks)
        async with super().on(site):
            await self._yard.prepare(site)
            yield

    def make(self, name: str) -> ContractJob:
        return ContractJob(self._site, name, self._yard, ends_in=self._ends_in)

    def brace(self, job: ContractJob) -> None:
        job.ends_in = _AFTER_THE_OUTAGE

    async def judged(self) -> list[Violation]:
        return contract_invariants.violations(await gather_contracts(self._site, self.jobs))

    def tenants(self) -> list[str]:
        return [job.tenant_id for job in self.jobs]


CASTS: Sequence[type[Cast[Any]]] = (MainCast, RestartCast, ApprovalCast, ContractCast)
