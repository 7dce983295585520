"""Viewer access's steps in the database, each one transaction (VWR-01…05)."""

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import approval_rows
from activities import viewer_letters as letters
from activities.approval_rows import Question
from activities.records import Records, fact_of, second_fact_of, tenant_row
from mail_templates import viewer_wording
from models import audit, outbox, procedures
from models.approval_refusals import NoAdministrators
from models.approval_vocabulary import ApprovalKind, ApprovalState
from models.messages.approval_steps import Asked
from models.messages.procedure import Step
from models.messages.viewer_access_steps import (
    RecordViewerClose,
    RecordViewerOutcome,
    RecordViewerRedemption,
    RecordViewerRequest,
    Requested,
    ViewerDue,
    ViewerStanding,
)
from models.persons import portal_is_open
from models.procedures import Beginning, Standing
from models.refusals import WrongState
from models.rules.viewers import due as next_due
from models.tables.customers import Customer
from models.tables.viewers import Viewer
from models.viewer_vocabulary import OPEN, ViewerState, ViewerTimer
from models.vocabulary import Language, Mail

_WAITING_FOR = {ViewerState.TOKEN_SENT: "person", ViewerState.ALLOWED: "use"}
_NOT_APPROVED = {ApprovalState.DENIED: ViewerState.DENIED, ApprovalState.EXPIRED: ViewerState.EXPIRED}
_NO_LONGER_TRUE = (Mail.VIEWER_TOKEN, Mail.VIEWER_UNUSED)


class ViewerAccessActivities:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._durations = records.durations

    @activity.defn
    async def record_viewer_request(self, message: RecordViewerRequest) -> Requested:
        """The company's administrators are asked (VWR-02), unless the company has gone since it was looked up."""

        async def work(connection: AsyncConnection) -> Requested:
            if not await _is_served(connection, message):
                return Requested(state=ViewerState.NOT_TAKEN)
            identity, start = message.identity, message.start
            await connection.execute(
                insert(Viewer).values(
                    tenant_id=identity.tenant_id,
                    viewer_id=identity.subject,
                    customer_id=identity.customer_id,
                    state=ViewerState.AWAITING_APPROVAL,
                    requested_at=message.at,
                    **start.model_dump(exclude={"identity"}),
                )
            )
            beginning = Beginning(
                tenant_id=identity.tenant_id,
                procedure_id=identity.procedure_id,
                kind=identity.kind,
                subject=identity.subject,
                customer_id=identity.customer_id,
                started_at=message.at,
            )
            await procedures.begin(connection, beginning, Standing(state=ViewerState.AWAITING_APPROVAL))
            return Requested(state=ViewerState.AWAITING_APPROVAL, asked=await self._ask(connection, message))

        return await self._records.once(fact_of(message, "viewer_requested"), Requested, work)

    @activity.defn
    async def record_viewer_outcome(self, message: RecordViewerOutcome) -> ViewerStanding:
        """Approved: the person is mailed a token. Denied or expired: the person is told (VWR-03)."""
        is_approved = message.outcome is ApprovalState.APPROVED
        state = ViewerState.TOKEN_SENT if is_approved else _NOT_APPROVED[message.outcome]
        expires_at = message.at + self._durations.viewer_token

        async def work(connection: AsyncConnection) -> ViewerStanding:
            values = {"token_expires_at": expires_at} if is_approved else {"ended_at": message.at}
            viewer = await _move(connection, message, (ViewerState.AWAITING_APPROVAL,), state=state, **values)
            if not is_approved:
                await letters.refuse(connection, message, viewer, message.outcome)
                return await _show(connection, message, state, mails=True)
            await letters.send_token(connection, message, viewer)
            due = ViewerDue(at=expires_at, what=ViewerTimer.EXPIRE_TOKEN)
            return await _show(connection, message, state, due, mails=True)

        return await self._records.once(fact_of(message, f"viewer_{state}"), ViewerStanding, work)

    @activity.defn
    async def record_viewer_redemption(self, message: RecordViewerRedemption) -> ViewerStanding:
        """The token has been entered: the PC has its credential (VWR-04).

        Raises:
            WrongState: it had been entered before, or is no longer good.
        """

        async def work(connection: AsyncConnection) -> ViewerStanding:
            viewer = await _move(
                connection,
                message,
                (ViewerState.TOKEN_SENT,),
                state=ViewerState.ALLOWED,
                credential_digest=message.command.credential_digest,
                allowed_at=message.at,
                last_used_at=message.at,
            )
            await _leave_unsent(connection, message)
            return await _show(connection, message, ViewerState.ALLOWED, self._due(viewer))

        return await self._records.once(fact_of(message, "viewer_allowed"), ViewerStanding, work)

    @activity.defn
    async def record_viewer_unredeemed(self, message: Step) -> ViewerStanding:
        """Nobody has entered the token in time, or nobody could any more."""

        async def work(connection: AsyncConnection) -> ViewerStanding:
            state = ViewerState.TOKEN_EXPIRED
            await _move(connection, message, (ViewerState.TOKEN_SENT,), state=state, ended_at=message.at)
            await _leave_unsent(connection, message)
            return await _show(connection, message, state)

        return await self._records.once(fact_of(message, "viewer_token_expired"), ViewerStanding, work)

    @activity.defn
    async def record_viewer_idleness(self, message: Step) -> ViewerStanding:
        """By its last use: it ends, that is announced, or it has been used and there is time (VWR-05)."""

        async def work(connection: AsyncConnection) -> ViewerStanding:
            viewer = await _viewer(connection, message)
            due = self._due(viewer)
            if message.at >= due.at and due.what is ViewerTimer.END:
                values = {"state": ViewerState.UNUSED, "ended_at": message.at, "credential_digest": None}
                await _move(connection, message, (ViewerState.ALLOWED,), **values)
                await audit.record(connection, second_fact_of(message, "viewer_unused"))
                return await _show(connection, message, ViewerState.UNUSED)
            is_warned = message.at >= due.at
            if is_warned:
                viewer = await _move(connection, message, (ViewerState.ALLOWED,), warned_at=message.at)
                await audit.record(connection, second_fact_of(message, "viewer_end_announced"))
                due = self._due(viewer)
                await letters.warn(connection, message, viewer, ends_at=due.at)
            return await _show(connection, message, ViewerState.ALLOWED, due, mails=is_warned)

        return await self._records.once(fact_of(message, "viewer_idleness"), ViewerStanding, work)

    @activity.defn
    async def record_viewer_close(self, message: RecordViewerClose) -> ViewerStanding:
        """Withdrawn, revoked, or ended by an operator: token and credential are dead at once (VWR-05)."""

        async def work(connection: AsyncConnection) -> ViewerStanding:
            return await close(connection, message)

        return await self._records.once(fact_of(message, f"viewer_{message.state}"), ViewerStanding, work)

    # Private steps.

    async def _ask(self, connection: AsyncConnection, message: RecordViewerRequest) -> Asked:
        identity, start = message.identity, message.start
        customer_id = identity.customer_id or ""
        language = Language((await tenant_row(connection, identity.tenant_id)).language)
        try:
            approvers = await approval_rows.administrators(connection, identity.tenant_id, customer_id)
        except NoAdministrators:
            approvers = []  # the request runs out: to refuse it at once would tell that the company is there
        question = Question(
            kind=ApprovalKind.VIEWER_ACCESS,
            customer_id=customer_id,
            asked_by=viewer_wording.person(start.name, start.department, start.mail_address, language),
            asked_for=viewer_wording.pc(start.pc_name, language),
            approvers=approvers,
            requesters=[],  # told by mails of its own, which name nobody of the company
            deadline=message.at + self._durations.viewer_approval,
        )
        return await approval_rows.ask(connection, message, question=question, records=self._records)

    def _due(self, viewer: Row[Any]) -> ViewerDue:
        at, what = next_due(
            viewer.last_used_at,
            viewer.warned_at,
            unused=self._durations.viewer_unused,
            notice=self._durations.viewer_unused_notice,
        )
        return ViewerDue(at=at, what=what)


async def close(connection: AsyncConnection, message: RecordViewerClose) -> ViewerStanding:
    """Token and credential are dead. Raises: WrongState: they are already."""
    values = {"state": message.state, "ended_at": message.at, "credential_digest": None}
    await _move(connection, message, OPEN, **values)
    await _leave_unsent(connection, message)
    return await _show(connection, message, message.state)


async def _leave_unsent(connection: AsyncConnection, step: Step) -> None:
    identity = step.identity
    await outbox.withdraw(connection, identity.tenant_id, identity.procedure_id, only=_NO_LONGER_TRUE)


async def _is_served(connection: AsyncConnection, step: Step) -> bool:
    """Locked against the company's deletion, which ends what it finds."""
    found = await connection.execute(
        select(Customer.customer_id)
        .where(
            Customer.tenant_id == step.identity.tenant_id,
            Customer.customer_id == step.identity.customer_id,
            Customer.deleted_at.is_(None),
            portal_is_open(step.at),
        )
        .with_for_update(read=True)
    )
    return found.first() is not None


async def _viewer(connection: AsyncConnection, step: Step) -> Row[Any]:
    """Locked, so that a use at the same time is noted before or after."""
    found = await connection.execute(
        select(Viewer.__table__)
        .where(Viewer.tenant_id == step.identity.tenant_id, Viewer.viewer_id == step.identity.subject)
        .with_for_update()
    )
    row: Row[Any] = found.one()
    return row


async def _move(connection: AsyncConnection, step: Step, before: tuple[ViewerState, ...], **values: object) -> Row[Any]:
    """Raises: WrongState: it is in none of the states that it may be in before."""
    moved = await connection.execute(
        update(Viewer)
        .where(
            Viewer.tenant_id == step.identity.tenant_id,
            Viewer.viewer_id == step.identity.subject,
            Viewer.state.in_(before),
        )
        .values(**values)
        .returning(Viewer.__table__)
    )
    row: Row[Any] | None = moved.first()
    if row is None:
        raise WrongState(state=(await _viewer(connection, step)).state)
    return row


async def _show(
    connection: AsyncConnection, step: Step, state: ViewerState, due: ViewerDue | None = None, *, mails: bool = False
) -> ViewerStanding:
    """What the procedure's page says from now on."""
    standing = Standing(
        state=state,
        waiting_for=_WAITING_FOR.get(state),
        upcoming=[(due.at, due.what)] if due else [],
        ended_at=None if due else step.at,
    )
    await procedures.show(connection, step.identity.tenant_id, step.identity.procedure_id, standing)
    return ViewerStanding(state=state, due=due, mails=mails)
