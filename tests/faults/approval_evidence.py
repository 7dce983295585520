"""What the ledgers have of approvals: who decided, what was opened, who was told, and where that can be read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, LiteralString

from local.utm_memory import Deed
from tests.faults.approval_job import ApprovalJob, ApprovalYard, SupportJob, ViewerJob
from tests.faults.device_yard import customer_of
from tests.faults.disclosures import places_of
from tests.faults.gathering import Connection, listen, read, reading, rows
from tests.faults.ledgers import Ledgers, by_tenant
from tests.faults.site import Site
from tests.viewer_pc import TOKEN

_PASSWORD = re.compile(r"パスワード：(\S+)")
_APPROVALS: LiteralString = "SELECT state FROM approvals"
_APPROVERS: LiteralString = "SELECT mail_address, decision FROM approvers"
_OPENED: LiteralString = """
SELECT request_id, state, ended_by, credentials IS NOT NULL OR stopped_at IS NULL AS is_left FROM remote_supports
 UNION ALL
SELECT viewer_id, state, NULL, credential_digest IS NOT NULL FROM viewers
"""


@dataclass(frozen=True)
class Wish:
    """What must have come of a job. `ending`: how what was approved came to its end."""

    job: str
    acts: tuple[str, ...]
    ending: str
    tenant_id: str
    procedure_id: str
    request_id: str
    customer_id: str
    decides: str
    reads: str
    asks: str

    @property
    def is_support(self) -> bool:
        return self.ending != "revoked"

    @property
    def confidants(self) -> frozenset[str]:
        """Whose mails tell the secret."""
        return frozenset({self.asks, self.decides, self.reads} if self.is_support else {self.asks})


@dataclass
class ApprovalEvidence(Ledgers):
    """The fields are by the job's name, but for `places`."""

    recorded_as: ClassVar[Mapping[str, str]] = {
        "request": "remote_support_requested",
        "ask": "viewer_requested",
        "approve": "approver_approved",
        "end": "remote_support_ended",
        "run_out": "remote_support_ended",
        "enter": "viewer_allowed",
        "revoke": "viewer_revoked",
    }
    once: ClassVar[frozenset[str]] = frozenset({*recorded_as.values(), "remote_support_starting", "viewer_token_sent"})

    expected: list[Wish] = field(default_factory=list)
    approvals: dict[str, list[str]] = field(default_factory=dict)
    """Their states."""
    decisions: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By the approvers' addresses."""
    opened: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The sessions and credentials. `is_left`: something of it is alive, or kept."""
    deeds: dict[str, list[tuple[Deed, str]]] = field(default_factory=dict)
    """What the device has done with sessions, and by which command."""
    told: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """Recipient and secret, of every mail that has one."""
    credentials: dict[str, str] = field(default_factory=dict)
    """The viewers'."""
    places: dict[str, set[str]] = field(default_factory=dict)
    """Where each secret, and each procedure's id, can be read."""

    @property
    def wishes(self) -> Sequence[Wish]:
        return self.expected

    def jobs(self) -> dict[str, str | None]:
        return by_tenant(self, {expected.tenant_id: expected.job for expected in self.expected})

    def secrets_of(self, job: str) -> set[str]:
        secrets = {secret for _, secret in self.told.get(job, set())}
        return secrets | {secret.replace("-", "") for secret in secrets} | {self.credentials.get(job, "")} - {""}


async def gather_approvals(site: Site, yard: ApprovalYard, jobs: Sequence[ApprovalJob]) -> ApprovalEvidence:
    """Each job's tenant at one instant of the database, and then wherever anything is kept."""
    evidence = ApprovalEvidence([_wish(job) for job in jobs])
    for job in jobs:
        async with reading(site, job.tenant_id) as connection:
            await read(connection, evidence)
            await _read(connection, evidence, job)
        evidence.deeds[job.name] = _deeds(yard, job)
        evidence.told[job.name] = {
            (taken.mail.recipient, secret)
            for address in job.addresses.values()
            for taken in site.sink.to(address)
            for secret in secrets_in(taken.mail.text)
        }
        if isinstance(job, ViewerJob):
            evidence.credentials[job.name] = job.credential
    await listen(site, evidence)
    sought = {secret for job in jobs for secret in evidence.secrets_of(job.name)}
    evidence.places = await places_of(site, sought | {wish.procedure_id for wish in evidence.expected})
    return evidence


async def _read(connection: Connection, evidence: ApprovalEvidence, job: ApprovalJob) -> None:
    evidence.approvals[job.name] = [row["state"] for row in await rows(connection, _APPROVALS)]
    approvers = await rows(connection, _APPROVERS)
    evidence.decisions[job.name] = {row["mail_address"]: row["decision"] for row in approvers}
    evidence.opened[job.name] = await rows(connection, _OPENED)


def secrets_in(text: str) -> list[str]:
    return [*_PASSWORD.findall(text), *TOKEN.findall(text)]


def _deeds(yard: ApprovalYard, job: ApprovalJob) -> list[tuple[Deed, str]]:
    kinds = (Deed.SESSION_OPENED, Deed.SESSION_REFUSED, Deed.SESSION_CLOSED)
    return [(kind, command_id) for kind in kinds for command_id in yard.deeds.of(job.utm_id or "", kind)]


def _wish(job: ApprovalJob) -> Wish:
    kind, ending = "viewer-access", "revoked"
    if isinstance(job, SupportJob):
        kind, ending = "remote-support", "desk" if "end" in job.steps else "duration"
    return Wish(
        job=job.name,
        acts=job.must_succeed,
        ending=ending,
        tenant_id=job.tenant_id,
        procedure_id=f"{kind}-{job.tenant_id}-{job.request_id}",
        request_id=job.request_id,
        customer_id=customer_of(job.tenant_id),
        decides=job.decides,
        reads=job.reads,
        asks=job.asks,
    )
