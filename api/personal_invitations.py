"""Personal invitations: staff invite one address to apply, and see what becomes of it (APP-18)."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, select
from temporalio.service import RPCError

from api.authentication import Staff
from api.commands import NotDoneYetError, ProcedureGoneError
from api.context import Context, Shared
from api.idempotency import Once, PostedRequest
from api.invitation import OpenInvitation
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models.fields import Input, MailAddress, OrAbsent, PersonName
from models.idempotent_answers import Kept
from models.identifiers import Draw
from models.messages.personal_invitation_steps import InvitationStart, NewInvitation
from models.messages.procedure import Command, Identity
from models.refusals import NotFound, Refusal, Unavailable, WrongState
from models.tables.applications import PersonalInvitation as Invitations
from models.vocabulary import InvitationState, ProcedureKind
from workflows.personal_invitation import PersonalInvitation

router = APIRouter(prefix="/v1/tenants/{tenant_id}/invitations", tags=["Invitations"])
_STILL_ENDING_SECONDS = 1


class InvitationInput(Input):
    mail_address: MailAddress
    name: OrAbsent[PersonName] = None
    """How the mail greets the person."""


class Invitation(BaseModel):
    """`opened`: the person has begun to fill in the form. The link itself is only in the mail."""

    invitation_id: str
    state: InvitationState
    mail_address: str
    name: str | None
    expires_at: datetime
    created_at: datetime
    created_by: str
    application_number: str | None


@router.get("")
async def find_all(
    tenant_id: str, context: Shared, staff: Staff, paging: PagingQuery, state: InvitationState | None = None
) -> Page[Invitation]:
    """Newest first. Sorts by `created_at` and `expires_at`."""
    table = Invitations.__table__
    sortable = {"created_at": table.c.created_at, "expires_at": table.c.expires_at}
    order = resolve_order(paging.sort, sortable, default="-created_at")
    query = select(table).where(table.c.tenant_id == tenant_id)
    if state is not None:
        query = query.where(table.c.state == state)
    async with context.database.transaction(tenant_id) as connection:
        rows = await fetch_page(connection, query, order=order, key=table.c.invitation_id, paging=paging)
    return rows.page(lambda row: Invitation.model_validate(row, from_attributes=True))


@router.post("", status_code=201, response_model=Invitation)
async def invite(
    tenant_id: str, body: InvitationInput, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """Mail the address a link of its own, good for `durations.personal_invitation` (30 days) and one application."""
    once = await posted.by(staff.actor)
    identity = _identity(tenant_id, once.draw().opaque_id())
    start = InvitationStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=staff.actor,
        identity=identity,
        new=NewInvitation(mail_address=body.mail_address, name=body.name),
    )
    await _start(context, start)
    location = f"/v1/tenants/{tenant_id}/invitations"
    kept = Kept(about=identity.subject)
    return await once.answer(await _invitation(context, identity), status=201, location=location, kept=kept)


@router.post("/{invitation_id}/resend", response_model=Invitation)
async def resend(tenant_id: str, invitation_id: str, context: Shared, staff: Staff, posted: PostedRequest) -> Response:
    """A fresh link, good for as long again from now, also after the expiry; every older one is dead."""
    once = await posted.by(staff.actor)
    identity = _identity(tenant_id, invitation_id)
    await _invitation(context, identity)
    await _resend(context, identity, once, staff.actor)
    return await once.answer(await _invitation(context, identity))


@router.delete("/{invitation_id}", status_code=204)
async def withdraw(tenant_id: str, invitation_id: str, context: Shared, staff: Staff) -> None:
    """Take it back: the link is dead at once. Refused when it has been answered or has expired."""
    identity = _identity(tenant_id, invitation_id)
    await _invitation(context, identity)
    command = Command(command_id=Draw().opaque_id(), actor=staff.actor)
    try:
        await context.commands.send(identity, PersonalInvitation.withdraw, command)
    except (ProcedureGoneError, WrongState):
        state = (await _invitation(context, identity)).state
        if state is not InvitationState.WITHDRAWN:
            raise WrongState(state=state) from None


async def note_opened(context: Context, invitation: OpenInvitation) -> None:
    """The person behind a personal invitation has begun to fill in the form; called for what they send, not for a look.

    Only a mark for staff, so it is never in the way: what cannot be noted now is noted the next time.
    """
    if invitation.invitation_id is None:
        return
    identity = _identity(invitation.tenant_id, invitation.invitation_id)
    try:
        if (await _invitation(context, identity)).state is InvitationState.SENT:
            command = Command(command_id=Draw().opaque_id(), actor="applicant")
            await context.commands.send(identity, PersonalInvitation.note_opened, command)
    except (ProcedureGoneError, NotDoneYetError, Refusal, RPCError):
        return


async def _resend(context: Context, identity: Identity, once: Once, actor: str) -> None:
    command = Command(command_id=once.command_id, fingerprint=once.fingerprint, actor=actor)
    try:
        await context.commands.send(identity, PersonalInvitation.resend, command)
    except (ProcedureGoneError, WrongState):
        state = (await _invitation(context, identity)).state
        if state is not InvitationState.EXPIRED:
            raise WrongState(state=state) from None
        await _start(context, InvitationStart(**command.model_dump(), identity=identity), once_only=False)


async def _start(context: Context, start: InvitationStart, *, once_only: bool = True) -> None:
    """Raises: Unavailable: the run before it is ending at this very moment."""
    try:
        await context.commands.start(
            PersonalInvitation.run,
            start,
            start.identity,
            answer=PersonalInvitation.sent,
            summary=f"Personal invitation {start.identity.subject} of {start.identity.tenant_id}",
            once_only=once_only,
        )
    except WrongState as ending:
        if ending.state != InvitationState.EXPIRED:
            raise
        raise Unavailable(retry_after=_STILL_ENDING_SECONDS) from None


async def _invitation(context: Context, identity: Identity) -> Invitation:
    """Raises: NotFound: the tenant has no such invitation."""
    async with context.database.transaction(identity.tenant_id) as connection:
        found = await connection.execute(
            select(Invitations.__table__).where(
                Invitations.tenant_id == identity.tenant_id, Invitations.invitation_id == identity.subject
            )
        )
        row: Row[tuple[Invitations]] | None = found.first()
    if row is None:
        raise NotFound
    return Invitation.model_validate(row, from_attributes=True)


def _identity(tenant_id: str, invitation_id: str) -> Identity:
    return Identity.of(ProcedureKind.PERSONAL_INVITATION, tenant_id, invitation_id)
