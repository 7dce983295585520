"""Remote support as the support desk, which is the operator's, asks for it and ends it (RSA-01, RSA-05, RSA-07)."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.approval_rows import administrators
from activities.remote_support_rows import SESSIONS, identity_of, refuse_if_open
from api.authentication import Operator
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.etags import tagged
from api.idempotency import Once, PostedRequest
from api.remote_support_pace import refuse_too_soon
from models.approval_vocabulary import ApprovalState
from models.device_vocabulary import RemoteSupportEnd, RemoteSupportState
from models.fields import Input, OrAbsent, PersonName, Reason, UtmId
from models.idempotent_answers import Kept
from models.identifiers import REMOTE_SUPPORT_NUMBER, Draw
from models.messages.procedure import Command, Identity
from models.messages.remote_support_steps import EndRemoteSupport, RemoteSupportStart
from models.refusals import NotFound, WrongState
from models.tables.approvals import Approval
from models.tables.devices import RemoteSupport as Sessions
from models.tables.procedures import Procedure
from models.tables.utms import Utm
from models.vocabulary import ProcedureKind
from workflows.remote_support import RemoteSupport

router = APIRouter(prefix="/v1/support/remote-support", tags=["Approvals"])
_OF_IT = (Approval.tenant_id == Sessions.tenant_id) & (Approval.approval_id == Sessions.approval_id)
Minutes = Annotated[int, Field(ge=1, le=1440)]


class RemoteSupportInput(Input):
    """`desk_operator`: who asks, as the customer's administrators read it. `duration_minutes`: 2 hours by default."""

    utm_id: UtmId
    reason: Reason
    desk_operator: PersonName
    duration_minutes: OrAbsent[Minutes] = None


class Requested(BaseModel):
    request_id: str
    state: RemoteSupportState


class RemoteSupportShown(Requested):
    """`decided_by`, `decided_at`, `decision_reason`: of the administrators. `ended_by`: who or what ended it.

    `attempts`: how often the device has been told. `stopped_at`: when it said that it has stopped. How the session is
    called, and its password, are in the two mails only.
    """

    tenant_id: str
    customer_id: str
    utm_id: str
    reason: str
    desk_operator: str
    duration_minutes: int
    requested_at: datetime
    approval_deadline: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    attempts: int
    started_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    ended_by: RemoteSupportEnd | None
    stopped_at: datetime | None


@router.post("", status_code=201, response_model=Requested)
async def request(body: RemoteSupportInput, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    """Ask the customer's administrators, who have 24 hours to approve it by mail (RSA-01).

    At most three times an hour for one UTM, and not within the hour after they have denied it.
    """
    once = await posted.by(operator.actor)
    utm = await _utm(context, body.utm_id)
    request_id = once.draw().remote_support_number()
    minutes = body.duration_minutes or context.settings.durations.remote_support_session // timedelta(minutes=1)
    start = RemoteSupportStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=operator.actor,
        identity=identity_of(utm.tenant_id, request_id, utm.customer_id),
        registration_id=utm.registration_id,
        asked_by=body.desk_operator,
        reason=body.reason,
        duration_minutes=minutes,
    )
    async with context.database.transaction(utm.tenant_id) as connection:
        await administrators(connection, utm.tenant_id, utm.customer_id)
    await refuse_too_soon(context, utm, request_id)
    state = await begin(context, start, utm)
    location = f"/v1/support/remote-support/{request_id}"
    return await once.answer(Requested(request_id=request_id, state=state), status=201, location=location)


@router.get("/{request_id}")
async def read(request_id: str, context: Shared, operator: Operator, response: Response) -> RemoteSupportShown:
    return tagged(response, _shown(await _row(context, request_id)))


@router.post("/{request_id}/withdraw", response_model=RemoteSupportShown)
async def withdraw(request_id: str, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    """Before it is decided; the administrators' links are dead at once (APR-06)."""
    once = await posted.by(operator.actor)
    row = await _row(context, request_id)
    command = Command(command_id=once.command_id, fingerprint=once.fingerprint, actor=operator.actor)
    try:
        await context.commands.send(identity_of_row(row), RemoteSupport.withdraw, command)
    except ProcedureGoneError:
        raise WrongState(state=_shown(row).state) from None
    return await _answer(context, once, request_id)


@router.post("/{request_id}/end", response_model=RemoteSupportShown)
async def end(request_id: str, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    """End the session, or the attempts to start it; the device is told to stop (RSA-05)."""
    once = await posted.by(operator.actor)
    command = EndRemoteSupport(
        command_id=once.command_id, fingerprint=once.fingerprint, actor=operator.actor, by=RemoteSupportEnd.DESK
    )
    await end_session(context, await _row(context, request_id), command)
    return await _answer(context, once, request_id)


async def begin(context: Context, start: RemoteSupportStart, utm: Row[Any]) -> RemoteSupportState:
    """Refuses before it begins, so that the same key can be tried again; the procedure judges once more.

    Raises:
        NotFound, NoAdministrators, RemoteSupportOpen.
    """
    async with context.database.transaction(utm.tenant_id) as connection:
        await refuse_if_open(connection, start.identity, utm, is_manual=start.is_manual)
    standing = await context.commands.start(
        RemoteSupport.run,
        start,
        start.identity,
        answer=RemoteSupport.opened,
        summary=f"Remote support of UTM {utm.utm_id} of {start.identity.tenant_id}",
    )
    return standing.state


async def end_session(context: Context, row: Row[Any], command: EndRemoteSupport) -> None:
    """Raises: WrongState: it is over, or has not been approved."""
    try:
        await context.commands.send(identity_of_row(row), RemoteSupport.end, command)
    except ProcedureGoneError:
        raise WrongState(state=_shown(row).state) from None


async def end_all_of(context: Context, utm: Row[Any], *, actor: str) -> None:
    """What is open at a UTM that is being deleted (UTM-04)."""
    async with context.database.transaction(utm.tenant_id) as connection:
        found = await connection.execute(
            select(Sessions.__table__).where(
                Sessions.tenant_id == utm.tenant_id,
                Sessions.registration_id == utm.registration_id,
                Sessions.ended_at.is_(None),
            )
        )
        rows = found.all()
    for row in rows:
        command = EndRemoteSupport(command_id=Draw().opaque_id(), actor=actor, by=RemoteSupportEnd.DEVICE_DELETED)
        try:
            await end_session(context, row, command)
        except WrongState:
            continue  # over meanwhile


async def goes_on_at(connection: AsyncConnection, utm: Row[Any]) -> bool:
    """Whether a session is open at the UTM, or still to be decided about."""
    found = await connection.execute(
        select(Sessions.request_id)
        .outerjoin(Approval, _OF_IT)
        .where(
            Sessions.tenant_id == utm.tenant_id,
            Sessions.registration_id == utm.registration_id,
            Sessions.ended_at.is_(None),
            or_(Sessions.state.in_(SESSIONS), Approval.state == ApprovalState.PENDING),
        )
        .limit(1)
    )
    return found.first() is not None


def identity_of_row(row: Row[Any]) -> Identity:
    return identity_of(row.tenant_id, row.request_id, row.customer_id)


async def _answer(context: Context, once: Once, request_id: str) -> Response:
    row = await _row(context, request_id)
    return await once.answer(_shown(row), kept=Kept(of_tenant=row.tenant_id, about=row.customer_id))


async def _utm(context: Context, utm_id: str) -> Any:  # noqa: ANN401 - SQLAlchemy's row types fit nothing shorter
    """Whosever it is. Raises: NotFound: none is registered under that id."""
    async with context.database.transaction(operator=True) as connection:
        found = await connection.execute(
            select(Utm.tenant_id, Utm.registration_id, Utm.utm_id, Utm.customer_id).where(
                Utm.utm_id == utm_id, Utm.deleted_at.is_(None)
            )
        )
        row: Any = found.first()  # mypy takes a row of strings for no row of anything
    if row is None:
        raise NotFound
    return row


async def _row(context: Context, request_id: str) -> Any:  # noqa: ANN401 - likewise
    """Of whatever tenant. Raises: NotFound: there is no such request."""
    if not REMOTE_SUPPORT_NUMBER.fullmatch(request_id):
        raise NotFound
    async with context.database.transaction(operator=True) as connection:
        tenant_id = await connection.scalar(
            select(Procedure.tenant_id).where(
                Procedure.kind == ProcedureKind.REMOTE_SUPPORT, Procedure.subject == request_id
            )
        )
    if tenant_id is None:
        raise NotFound
    sessions = [column for column in Sessions.__table__.c if column.name != "credentials"]
    decision = (
        Approval.state.label("approval_state"),
        Approval.deadline.label("approval_deadline"),
        Approval.decided_by,
        Approval.decided_at,
        Approval.decision_reason,
    )
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(*sessions, *decision)
            .outerjoin(Approval, _OF_IT)
            .where(Sessions.tenant_id == tenant_id, Sessions.request_id == request_id)
        )
        row: Any = found.first()  # likewise
    if row is None:
        raise NotFound
    return row


def _shown(row: Row[Any]) -> RemoteSupportShown:
    """As the administrators have decided, also in the moment before their decision takes effect."""
    shown = row._asdict() | {"desk_operator": row.asked_by}
    if row.state == RemoteSupportState.AWAITING_APPROVAL and row.approval_state != ApprovalState.PENDING:
        approved = row.approval_state == ApprovalState.APPROVED
        shown["state"] = RemoteSupportState.STARTING if approved else RemoteSupportState(row.approval_state)
    return RemoteSupportShown.model_validate(shown)
