"""Commands to the signup of a member, staff or portal user, whether it runs, has expired, or was never there."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import select

from api.commands import ProcedureGoneError
from api.context import Context
from api.idempotency import Once
from models.messages.procedure import Answer, Command, Identity
from models.messages.signup_steps import Opened, SignupStart
from models.refusals import AlreadyExists, IdempotencyKeyReused, NotFound, Unavailable, WrongState
from models.tables.people import PortalUser, StaffMember
from models.vocabulary import MemberKind, SignupState
from workflows.signup import Signup

_TRIES = 20
_PAUSE_SECONDS = 0.1
_RETRY_AFTER_SECONDS = 60
_CAN_OPEN_AGAIN = (SignupState.EXPIRED, SignupState.ENDED)


@dataclass(frozen=True)
class Membership:
    """Whose signup. Its identity's subject is the person's id for staff, the user's id for a portal user."""

    identity: Identity
    member: MemberKind


async def begin(context: Context, start: SignupStart, *, once_only: bool = False) -> Opened:
    """Make what the start brings along and mail the link; the same command again is answered alike.

    Raises:
        AlreadyExists: another command has begun it, or the member is there already.
        Unavailable: the signup before it is still ending, for want of a mail server perhaps.
    """
    for _ in range(_TRIES):
        try:
            opened = await _start(context, start, once_only=once_only)
        except WrongState as ending:
            if ending.state == SignupState.REGISTERED:
                raise AlreadyExists from None
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if opened.command_id != start.command_id:
            raise AlreadyExists
        return opened
    raise Unavailable(retry_after=_RETRY_AFTER_SECONDS)


async def _start(context: Context, start: SignupStart, *, once_only: bool) -> Opened:
    try:
        return await context.commands.start(
            Signup.run,
            start,
            start.identity,
            answer=Signup.opened,
            summary=f"Signup of {start.identity.subject}",
            once_only=once_only,
        )
    except (IdempotencyKeyReused, ProcedureGoneError):
        raise AlreadyExists from None


async def resend(context: Context, membership: Membership, once: Once, actor: str) -> Opened:
    """A fresh link and fresh days, of a signup that runs or has expired (TEN-04, USR-04).

    Raises:
        NotFound: no such member. WrongState: registered already.
    """
    command = Command(command_id=once.command_id, fingerprint=once.fingerprint, actor=actor)
    try:
        return await context.commands.send(membership.identity, Signup.resend, command)
    except (ProcedureGoneError, WrongState):
        state = await signup_state(context, membership)
        if state not in _CAN_OPEN_AGAIN:
            raise WrongState(state=state) from None
    start = SignupStart(**command.model_dump(), identity=membership.identity, member=membership.member)
    return await begin(context, start)


async def end(context: Context, membership: Membership, command: Command) -> Answer | None:
    """End the signup with its member and link (USR-05); None when none runs, and the member's row is the caller's."""
    try:
        return await context.commands.send(membership.identity, Signup.delete, command)
    except (ProcedureGoneError, WrongState):
        return None


async def signup_state(context: Context, membership: Membership) -> SignupState:
    """Raises: NotFound: the tenant has no such member."""
    identity = membership.identity
    if membership.member is MemberKind.STAFF:
        query = select(StaffMember.signup_state).where(
            StaffMember.tenant_id == identity.tenant_id, StaffMember.person_id == identity.subject
        )
    else:
        query = select(PortalUser.signup_state).where(
            PortalUser.tenant_id == identity.tenant_id, PortalUser.user_id == identity.subject
        )
    async with context.database.transaction(identity.tenant_id) as connection:
        state = (await connection.execute(query)).scalar_one_or_none()
    if state is None:
        raise NotFound
    return SignupState(state)
