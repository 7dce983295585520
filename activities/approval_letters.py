"""The mails of an approval: to those who are asked, and to those who asked (APR-01, APR-03, APR-04)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from mail_templates import approval_wording
from mail_templates.wording import moment, nothing, recipient_name
from models.approval_vocabulary import ApprovalKind, ApprovalState
from models.outbox import Letter
from models.tables.customers import Customer
from models.tables.tenants import Tenant
from models.vocabulary import Language, Mail


@dataclass(frozen=True)
class Told:
    """What the mails tell of."""

    approval: Row[Any]
    tenant: Row[tuple[Tenant]]
    company_name: str

    @property
    def language(self) -> Language:
        return Language(self.tenant.language)

    @property
    def asked(self) -> dict[str, str]:
        none = nothing(self.language)
        return {
            "CompanyName": self.company_name,
            "Asked": approval_wording.asked(ApprovalKind(self.approval.kind), self.language),
            "AskedFor": self.approval.asked_for,
            "Reason": self.approval.reason or none,
        }

    @property
    def decided(self) -> dict[str, str]:
        none = nothing(self.language)
        at = self.approval.decided_at
        return {
            "Outcome": approval_wording.outcome(ApprovalState(self.approval.state), self.language),
            "DecidedBy": self.approval.decided_by or none,
            "DecidedAt": moment(at, self.tenant.time_zone, self.language) if at else none,
        }


async def told_of(connection: AsyncConnection, approval: Row[Any]) -> Told:
    name = await connection.scalar(
        select(Customer.company_name).where(
            Customer.tenant_id == approval.tenant_id, Customer.customer_id == approval.customer_id
        )
    )
    return Told(approval, await tenant_row(connection, approval.tenant_id), name or "")


def to_approver(mail: Mail, told: Told, approver: Row[Any]) -> Letter:
    """The request or its reminder, with the approver's own link."""
    deadline = moment(told.approval.deadline, told.tenant.time_zone, told.language)
    return Letter(
        mail=mail,
        recipient=approver.mail_address,
        language=told.language,
        link_id=approver.link_id,
        values={**_to(told, approver), "Deadline": deadline},
    )


def settled(told: Told, approver: Row[Any]) -> Letter:
    return Letter(
        mail=Mail.APPROVAL_SETTLED,
        recipient=approver.mail_address,
        language=told.language,
        values={**_to(told, approver), **told.decided},
    )


def outcome(told: Told, requester: str) -> Letter:
    reason = {"DecisionReason": told.approval.decision_reason or nothing(told.language)}
    return Letter(
        mail=Mail.APPROVAL_OUTCOME,
        recipient=requester,
        language=told.language,
        values={**told.asked, **told.decided, **reason},
    )


def _to(told: Told, approver: Row[Any]) -> dict[str, str]:
    greeted = recipient_name(approver.name, told.language)
    return {**told.asked, "AskedBy": told.approval.asked_by, "RecipientName": greeted}
