"""The steps of a request for approval in the database, each one transaction (APR-02…06)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import approval_letters as letters
from activities import approval_rows as rows
from activities.approval_rows import Candidate
from activities.records import Records, fact_of
from models import links, outbox, procedures
from models.approval_refusals import NoAdministrators
from models.approval_vocabulary import ApprovalDecision, ApprovalState, ApprovalTimer
from models.audit import Fact
from models.messages.approval_steps import (
    ApprovalOutcome,
    ApprovalStep,
    DelegateApproval,
    RecordApprovalDecision,
    RecordApprovalEnd,
    RecordApprovalTimer,
    RecordDelegation,
)
from models.procedures import Standing
from models.refusals import FieldError, InvalidInput, WrongState
from models.rules.approvals import may_delegate, outcome
from models.tables.approvals import Approval, Approver
from models.vocabulary import Mail

_DECIDED = {ApprovalDecision.APPROVE: "approver_approved", ApprovalDecision.DENY: "approver_denied"}
_WITH_A_LINK = (Mail.APPROVAL_REQUEST, Mail.APPROVAL_REMINDER)


class ApprovalActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_approval_decision(self, message: RecordApprovalDecision) -> ApprovalOutcome:
        """One approver's word; with the last that is needed, the question is settled (APR-03).

        Raises:
            WrongState: it is settled already, or this approver has decided, delegated, or been removed.
        """
        command = message.command

        async def work(connection: AsyncConnection) -> ApprovalOutcome:
            approval = await _pending(connection, message)
            if not await links.use(connection, approval.tenant_id, command.link_id, message.at):
                raise WrongState(state=approval.state)
            decided = {"decision": command.decision, "decided_at": message.at, "reason": command.reason}
            me = await _change(connection, message, command.link_id, **decided, decided_from=command.client)
            state = _counted(approval, await rows.approvers(connection, approval))
            if state is not ApprovalState.PENDING:
                by = {"decided_by": me.name or me.mail_address, "decision_reason": command.reason}
                await _settle(connection, message, approval, state=state, **by)
            return _standing(message, state)

        return await self._records.once(_told(message, _DECIDED[command.decision]), ApprovalOutcome, work)

    @activity.defn
    async def record_approval_delegation(self, message: RecordDelegation) -> ApprovalOutcome:
        """Another one decides in the approver's place, by a link of their own (APR-05).

        Raises:
            InvalidInput: `delegate_to` is nobody of the company, has been asked already, or this one was delegated to.
            WrongState: as of a decision.
        """
        command = message.command

        async def work(connection: AsyncConnection) -> ApprovalOutcome:
            approval = await _pending(connection, message)
            asked = await rows.approvers(connection, approval)
            candidate = await _candidate(connection, approval, asked, command)
            if not await links.use(connection, approval.tenant_id, command.link_id, message.at):
                raise WrongState(state=approval.state)
            [link_id] = await rows.invite(
                connection, message, approval, candidates=[candidate], link_key=self._records.link_key
            )
            await _change(connection, message, command.link_id, delegated_to=link_id)
            await _change(connection, message, link_id, delegated_by=command.link_id)
            return _standing(message, ApprovalState.PENDING)

        return await self._records.once(_told(message, "approval_delegated"), ApprovalOutcome, work)

    @activity.defn
    async def record_approval_timer(self, message: RecordApprovalTimer) -> ApprovalOutcome:
        """Those who have not decided are reminded, or further ones are asked (APR-04).

        Raises:
            WrongState: it is settled.
        """
        escalates = message.timer is ApprovalTimer.ESCALATE

        async def work(connection: AsyncConnection) -> ApprovalOutcome:
            approval = await _pending(connection, message)
            if escalates:
                further = [Candidate(address) for address in approval.escalation]
                await rows.invite(connection, message, approval, candidates=further, link_key=self._records.link_key)
            else:
                await _remind(connection, message, approval)
            await rows.show_waiting(connection, message, message.next)
            return _standing(message, ApprovalState.PENDING)

        what = "approval_escalated" if escalates else "approvers_reminded"
        return await self._records.once(fact_of(message, what), ApprovalOutcome, work)

    @activity.defn
    async def record_approval_end(self, message: RecordApprovalEnd) -> ApprovalOutcome:
        """Expired, or withdrawn: the links are dead, and all are told but whoever withdrew it (APR-04, APR-06).

        Raises:
            WrongState: it is settled.
        """

        async def work(connection: AsyncConnection) -> ApprovalOutcome:
            approval = await _pending(connection, message)
            await _settle(connection, message, approval, state=message.state, by_requester=message.by_requester)
            return _standing(message, message.state)

        return await self._records.once(fact_of(message, f"approval_{message.state}"), ApprovalOutcome, work)


async def _pending(connection: AsyncConnection, message: ApprovalStep) -> Row[Any]:
    """Locked, so that of two decisions at once the second finds it settled. Raises: WrongState: it is."""
    approval = await rows.approval_row(connection, message.identity.tenant_id, message.approval_id, locked=True)
    if approval.state != ApprovalState.PENDING:
        raise WrongState(state=approval.state)
    return approval


async def _change(connection: AsyncConnection, message: ApprovalStep, link_id: str, **values: object) -> Row[Any]:
    changed = await connection.execute(
        update(Approver)
        .where(
            Approver.tenant_id == message.identity.tenant_id,
            Approver.approval_id == message.approval_id,
            Approver.link_id == link_id,
        )
        .values(**values)
        .returning(Approver.__table__)
    )
    row: Row[Any] = changed.one()
    return row


async def _settle(
    connection: AsyncConnection,
    message: ApprovalStep,
    approval: Row[Any],
    *,
    state: ApprovalState,
    by_requester: bool = False,
    **decided: object,
) -> None:
    """The outcome; every other link is dead, and everybody who waits for it is told."""
    waiting = await links.alive(connection, approval.tenant_id, approval.approval_id)
    settled = await connection.execute(
        update(Approval)
        .where(Approval.tenant_id == approval.tenant_id, Approval.approval_id == approval.approval_id)
        .values(state=state, decided_at=message.at, **decided)
        .returning(Approval.__table__)
    )
    told = await letters.told_of(connection, settled.one())
    await links.withdraw(connection, approval.tenant_id, approval.approval_id, message.at)
    await outbox.withdraw(connection, approval.tenant_id, approval.procedure_id, only=_WITH_A_LINK)
    if not by_requester:
        await rows.post(connection, message, [letters.outcome(told, address) for address in approval.requesters])
    # A removed administrator's link is dead already, and a decided or delegated one's is used.
    others = [one for one in await rows.approvers(connection, approval) if one.link_id in waiting]
    await rows.post(connection, message, [letters.settled(told, approver) for approver in others])
    standing = Standing(state=state)
    await procedures.show(connection, approval.tenant_id, approval.procedure_id, standing)


async def _remind(connection: AsyncConnection, message: ApprovalStep, approval: Row[Any]) -> None:
    """Whoever can still decide, by the link that they have."""
    told = await letters.told_of(connection, approval)
    alive = await links.alive(connection, approval.tenant_id, approval.approval_id)
    waiting = [approver for approver in await rows.approvers(connection, approval) if approver.link_id in alive]
    mails = [letters.to_approver(Mail.APPROVAL_REMINDER, told, approver) for approver in waiting]
    await rows.post(connection, message, mails)


async def _candidate(
    connection: AsyncConnection, approval: Row[Any], asked: Sequence[Row[Any]], command: DelegateApproval
) -> Candidate:
    """Whom the approver names. Raises: InvalidInput: why it cannot be that one."""
    me = next(one for one in asked if one.link_id == command.link_id)
    to = command.delegate_to.lower()
    try:
        known = await rows.administrators(connection, approval.tenant_id, approval.customer_id)
    except NoAdministrators:
        known = []
    wrong = None
    if me.delegated_by is not None:
        wrong = "delegated_before"
    elif to in {one.mail_address.lower() for one in asked}:
        wrong = "asked_already"
    elif not may_delegate(me.mail_address, to, administrators=[one.mail_address for one in known]):
        wrong = "not_of_the_company"
    if wrong is not None:
        raise InvalidInput(errors=[FieldError("delegate_to", wrong)])
    return next((one for one in known if one.mail_address.lower() == to), Candidate(command.delegate_to))


def _counted(approval: Row[Any], asked: Sequence[Row[Any]]) -> ApprovalState:
    decisions = [one.decision for one in asked]
    return outcome(
        approval.needed,
        asked=sum(one.delegated_to is None for one in asked),
        approvals=decisions.count(ApprovalDecision.APPROVE),
        denials=decisions.count(ApprovalDecision.DENY),
    )


def _standing(message: ApprovalStep, state: ApprovalState) -> ApprovalOutcome:
    return ApprovalOutcome(approval_id=message.approval_id, state=state)


def _told(message: RecordApprovalDecision | RecordDelegation, what: str) -> Fact:
    """With the client's address, because who let somebody in from where has to be known (RSA-07)."""
    return replace(fact_of(message, what), detail={"from": message.command.client})
