"""Asking people for approval, and the rows of that: for the activities of whichever procedure asks (APR-01).

A procedure asks within the record that begins it, and waits for the answer in its workflow (`workflows/approval.py`):

    question = Question(kind=…, asked_by=…, asked_for=…, approvers=await administrators(…), deadline=…, …)
    asked = await approval_rows.ask(connection, message, question=question, records=self._records)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import approval_letters as letters
from activities.records import Records
from models import links, outbox, procedures
from models.approval_refusals import NoAdministrators
from models.approval_vocabulary import ApprovalKind, ApprovalState
from models.identifiers import Draw
from models.links import LinkKey, NewLink
from models.messages.approval_steps import Asked, Due
from models.messages.procedure import Step
from models.outbox import Letter, Posting
from models.procedures import Standing
from models.rules.approvals import timers
from models.tables.approvals import Administrator, Approval, Approver
from models.vocabulary import LinkPurpose, Mail

AWAITING_APPROVAL = "awaiting_approval"
"""The state of every procedure that has asked and is not answered."""


@dataclass(frozen=True)
class Candidate:
    """Somebody to ask."""

    mail_address: str
    name: str | None = None
    administrator_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, by whom, for what, whom, until when, and by which rule (APR-01).

    `asked_by`, `asked_for` and `reason` are a line each, shown to the approvers. `requesters`: mail addresses that are
    told of the outcome. `needed`: how many have to approve; None: the first decision decides. `escalation`: mail
    addresses that are asked as well after three quarters of the time.
    """

    kind: ApprovalKind
    customer_id: str
    asked_by: str
    asked_for: str
    reason: str = ""
    approvers: Sequence[Candidate]
    requesters: Sequence[str]
    deadline: datetime
    needed: int | None = None
    escalation: Sequence[str] = ()


async def administrators(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[Candidate]:
    """The customer's, to be asked. Locked, so that who removes one finds the link that this one is just given.

    Raises:
        NoAdministrators: there are none.
    """
    found = await connection.execute(
        select(Administrator.mail_address, Administrator.name, Administrator.administrator_id)
        .where(Administrator.tenant_id == tenant_id, Administrator.customer_id == customer_id)
        .order_by(Administrator.created_at, Administrator.administrator_id)
        .with_for_update(read=True)
    )
    candidates = [Candidate(*row) for row in found]
    if not candidates:
        raise NoAdministrators
    return candidates


async def ask(connection: AsyncConnection, step: Step, *, question: Question, records: Records) -> Asked:
    """Write the question, mail each approver a link of their own, and show the procedure awaiting approval.

    The procedure's own row (`procedures.begin`) has to be there.
    """
    approval_id = Draw().opaque_id()
    planned = timers(step.at, question.deadline, escalates=bool(question.escalation))
    made = await connection.execute(
        insert(Approval)
        .values(
            tenant_id=step.identity.tenant_id,
            approval_id=approval_id,
            procedure_id=step.identity.procedure_id,
            customer_id=question.customer_id,
            kind=question.kind,
            asked_by=question.asked_by,
            asked_for=question.asked_for,
            reason=question.reason,
            requesters=list(question.requesters),
            escalation=list(question.escalation),
            needed=question.needed,
            state=ApprovalState.PENDING,
            asked_at=step.at,
            deadline=question.deadline,
        )
        .returning(Approval.__table__)
    )
    await invite(connection, step, made.one(), candidates=question.approvers, link_key=records.link_key)
    asked = Asked(approval_id=approval_id, timers=tuple(Due(at=at, what=what) for at, what in planned))
    await show_waiting(connection, step, asked.timers)
    return asked


async def invite(
    connection: AsyncConnection, step: Step, approval: Row[Any], *, candidates: Iterable[Candidate], link_key: LinkKey
) -> list[str]:
    """Ask these as well, each by a link of their own, but for those asked before. Returns their links' ids."""
    told = await letters.told_of(connection, approval)
    known = {approver.mail_address.lower() for approver in await approvers(connection, approval)}
    link_ids = []
    for candidate in candidates:
        if candidate.mail_address.lower() in known:
            continue
        known.add(candidate.mail_address.lower())
        link_ids.append(await _invite(connection, step, told, candidate=candidate, link_key=link_key))
    return link_ids


async def approval_row(
    connection: AsyncConnection, tenant_id: str, approval_id: str, *, locked: bool = False
) -> Row[Any]:
    query = select(Approval.__table__).where(Approval.tenant_id == tenant_id, Approval.approval_id == approval_id)
    found = await connection.execute(query.with_for_update() if locked else query)
    row: Row[Any] = found.one()
    return row


async def approvers(connection: AsyncConnection, approval: Row[Any]) -> Sequence[Row[Any]]:
    """All who have been asked, in the order of their mails."""
    found = await connection.execute(
        select(Approver.__table__)
        .where(Approver.tenant_id == approval.tenant_id, Approver.approval_id == approval.approval_id)
        .order_by(Approver.mail_address)
    )
    return found.all()


async def post(connection: AsyncConnection, step: Step, mails: Iterable[Letter]) -> None:
    """But for whoever has been erased with the company meanwhile: what is left of them is no address."""
    identity = step.identity
    posting = Posting(tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=step.step, at=step.at)
    await outbox.post(connection, posting, [mail for mail in mails if "@" in mail.recipient])


async def show_waiting(connection: AsyncConnection, step: Step, timers: Sequence[Due]) -> None:
    """The procedure's page while nothing is decided."""
    standing = Standing(
        state=AWAITING_APPROVAL, waiting_for="approvers", upcoming=[(timer.at, timer.what) for timer in timers]
    )
    await procedures.show(connection, step.identity.tenant_id, step.identity.procedure_id, standing)


async def _invite(
    connection: AsyncConnection, step: Step, told: letters.Told, *, candidate: Candidate, link_key: LinkKey
) -> str:
    approval = told.approval
    link = NewLink(
        tenant_id=approval.tenant_id,
        link_id=Draw().opaque_id(),
        purpose=LinkPurpose.APPROVAL,
        recipient=candidate.mail_address,
        subject=approval.approval_id,
        procedure_id=approval.procedure_id,
        issued_at=step.at,
        deadline=approval.deadline,
    )
    await links.issue(connection, link_key, link)
    made = await connection.execute(
        insert(Approver)
        .values(
            tenant_id=approval.tenant_id,
            link_id=link.link_id,
            approval_id=approval.approval_id,
            administrator_id=candidate.administrator_id,
            name=candidate.name,
            mail_address=candidate.mail_address,
        )
        .returning(Approver.__table__)
    )
    await post(connection, step, [letters.to_approver(Mail.APPROVAL_REQUEST, told, made.one())])
    return link.link_id
