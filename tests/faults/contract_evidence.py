"""What the ledgers have of contracts: rows, kits, parcels and charges besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, LiteralString

from tests.faults.contract_job import ContractJob
from tests.faults.gathering import Connection, listen, read, reading, rows
from tests.faults.ledgers import Ledgers, by_tenant
from tests.faults.site import Site

_CONTRACT: LiteralString = (
    "SELECT status, cancellation_date, fee_charged, fee, ended_at, term_number, term_end_date FROM contracts"
)
_KITS: LiteralString = "SELECT utm_id, state, sendings, waived FROM return_kits"
_PARCELS: LiteralString = "SELECT kind, state, number FROM shipments"
_CHARGES: LiteralString = "SELECT kind, amount, reversed_at IS NOT NULL AS reversed FROM account_charges ORDER BY kind"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Undone:
    """A contract whose cancellation was undone in the end."""

    job: str
    acts: tuple[str, ...]
    tenant_id: str
    number: str
    utm_id: str
    staff: str
    contact: str
    applied: dict[str, Any] = field(hash=False)
    """How it stood when it had been applied for."""


@dataclass
class ContractEvidence(Ledgers):
    recorded_as: ClassVar[Mapping[str, str]] = {
        "apply": "contract_applied",
        "cancel": "contract_cancelled",
        "send": "return_kit_reported_shipped",
        "undo": "cancellation_undone",
    }
    once: ClassVar[frozenset[str]] = frozenset(recorded_as.values()) | {
        *("contract_ended", "return_kits_planned", "return_kits_undone"),
        *("return_kit_requested", "return_kit_unreturned", "return_kit_undone"),
    }
    may_rest_as: ClassVar[frozenset[str]] = frozenset({"active"})

    expected: list[Undone] = field(default_factory=list)
    contracts: dict[str, Rows] = field(default_factory=dict)
    """By the job's name, like the next three."""
    kits: dict[str, Rows] = field(default_factory=dict)
    parcels: dict[str, Rows] = field(default_factory=dict)
    charges: dict[str, Rows] = field(default_factory=dict)

    @property
    def wishes(self) -> Sequence[Undone]:
        return self.expected

    def jobs(self) -> dict[str, str | None]:
        return by_tenant(self, {expected.tenant_id: expected.job for expected in self.expected})


async def gather_contracts(site: Site, jobs: Sequence[ContractJob]) -> ContractEvidence:
    """Each job's tenant at one instant of the database."""
    evidence = ContractEvidence([_undone(job) for job in jobs])
    for job in jobs:
        async with reading(site, job.tenant_id) as connection:
            await read(connection, evidence)
            await _read_contract(connection, evidence, job.name)
    await listen(site, evidence)
    return evidence


async def _read_contract(connection: Connection, evidence: ContractEvidence, job: str) -> None:
    evidence.contracts[job] = await rows(connection, _CONTRACT)
    evidence.kits[job] = await rows(connection, _KITS)
    evidence.parcels[job] = await rows(connection, _PARCELS)
    evidence.charges[job] = await rows(connection, _CHARGES)


def _undone(job: ContractJob) -> Undone:
    return Undone(
        job=job.name,
        acts=job.steps,
        tenant_id=job.tenant_id,
        number=job.number or "",
        utm_id=job.utm_id,
        staff=job.staff,
        contact=job.contact,
        applied=job.applied,
    )
