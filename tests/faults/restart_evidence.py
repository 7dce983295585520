"""What the ledgers have of restarts: their rows, and what the devices did besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from tests.faults.gathering import listen, read, reading
from tests.faults.ledgers import Ledgers, by_tenant
from tests.faults.restart_job import RestartJob, Yard
from tests.faults.site import Site


@dataclass(frozen=True)
class Restarted:
    """A restart that was scheduled, and scheduled anew. `ended`: as what; `missed` is the only other one."""

    job: str
    acts: tuple[str, ...]
    tenant_id: str
    far: datetime
    near: datetime
    contact: str
    ended: str = "succeeded"


@dataclass
class RestartEvidence(Ledgers):
    recorded_as: ClassVar[Mapping[str, str]] = {"schedule": "restart_scheduled", "replace": "restart_scheduled"}
    once: ClassVar[frozenset[str]] = frozenset(
        {"restart_slot_reached", "restart_in_progress", "restart_succeeded", "restart_missed"}
    )

    expected: list[Restarted] = field(default_factory=list)
    restarts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By the job's name, like the next."""
    performed: dict[str, list[str]] = field(default_factory=dict)
    """The commands that the device has carried out."""

    @property
    def wishes(self) -> Sequence[Restarted]:
        return self.expected

    def jobs(self) -> dict[str, str | None]:
        return by_tenant(self, {expected.tenant_id: expected.job for expected in self.expected})


async def gather_restarts(
    site: Site, yard: Yard, jobs: Sequence[RestartJob], *, ended: Mapping[str, str] | None = None
) -> RestartEvidence:
    """Each job's tenant at one instant of the database. `ended`: as what, by the names of those that differ."""
    evidence = RestartEvidence([_restarted(job, (ended or {}).get(job.name, "succeeded")) for job in jobs])
    for job in jobs:
        async with reading(site, job.tenant_id) as connection:
            await read(connection, evidence)
        evidence.restarts[job.name] = await yard.restarts(job.tenant_id)
        evidence.performed[job.name] = yard.performed(job.utm_id)
    await listen(site, evidence)
    return evidence


def _restarted(job: RestartJob, ended: str) -> Restarted:
    return Restarted(job.name, job.steps, job.tenant_id, job.far, job.near, job.addresses["contact"], ended)
