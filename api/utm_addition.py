"""UTM addition applications: sent by a customer's people, decided by staff (ADD-01…06)."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.authentication import Caller, SignedInPortalUser, Staff
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.idempotency import PostedRequest
from api.language import language_of
from models.identifiers import Draw
from models.messages.procedure import Command, Identity
from models.messages.service_application import UtmDestination
from models.messages.utm_addition_steps import AdditionSubmission, DecideAddition
from models.refusals import NotFound, WrongState
from models.tables.applications import UtmAddition as Additions
from models.utm_additions import refuse_unless_open
from models.vocabulary import AdditionDecision, AdditionState, Language, ProcedureKind
from workflows.utm_addition import UtmAddition

router = APIRouter(tags=["UTM additions"])


class Submitted(BaseModel):
    application_number: str
    state: AdditionState


class Decided(Submitted):
    customer_id: str


@router.post("/v1/customers/{customer_id}/utm-additions", status_code=201, response_model=Submitted)
async def submit(
    customer_id: str,
    destination: UtmDestination,
    request: Request,
    context: Shared,
    user: SignedInPortalUser,
    posted: PostedRequest,
) -> Response:
    """Apply for more UTMs for one's own company, at one destination (ADD-01).

    Refused while the reseller has switched it off (`utm_addition_disabled`), and to a company whose service is
    suspended or cancelled (`company_not_served`).
    """
    once = await posted.by(user.actor)
    async with context.database.transaction(user.tenant_id) as connection:
        await refuse_unless_open(connection, user.tenant_id, customer_id)
        tenant = await tenant_row(connection, user.tenant_id)
    identity = _identity(user.tenant_id, once.draw().addition_number(), customer_id)
    submission = AdditionSubmission(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=user.actor,
        identity=identity,
        user_id=user.user_id,
        destination=destination.model_dump(mode="json"),
        language=language_of(request, Language(tenant.language)),
    )
    recorded = await context.commands.start(
        UtmAddition.run,
        submission,
        identity,
        answer=UtmAddition.submitted,
        summary=f"UTM addition {identity.subject} of {customer_id} to {user.tenant_id}",
    )
    submitted = Submitted(application_number=identity.subject, state=AdditionState(recorded.state))
    return await once.answer(submitted, status=201)


@router.post("/v1/tenants/{tenant_id}/utm-additions/{number}/{decision}", response_model=Decided)
async def decide(
    tenant_id: str, number: str, decision: AdditionDecision, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """Approve or deny. An approved one's address is offered when a contract or a UTM is registered (ADD-05)."""
    once = await posted.by(staff.actor)
    command = DecideAddition(
        command_id=once.command_id, fingerprint=once.fingerprint, actor=staff.actor, decision=decision
    )
    identity = _identity(tenant_id, number)
    try:
        decided = await context.commands.send(identity, UtmAddition.decide, command)
    except ProcedureGoneError:
        raise WrongState(state=(await _found(context, identity)).state) from None
    customer_id = (await _found(context, identity)).customer_id
    state = AdditionState(decided.state)
    return await once.answer(Decided(application_number=number, state=state, customer_id=customer_id))


async def end_all(context: Context, tenant_id: str, customer_id: str, caller: Caller) -> None:
    """End what is undecided of a company that is being deleted (CUS-05)."""
    async with context.database.transaction(tenant_id) as connection:
        undecided = await undecided_of(connection, tenant_id, customer_id)
    for number in undecided:
        command = Command(command_id=Draw().opaque_id(), actor=caller.actor)
        try:
            await context.commands.send(_identity(tenant_id, number), UtmAddition.end, command)
        except (ProcedureGoneError, WrongState):
            continue  # decided meanwhile


async def undecided_of(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[str]:
    found = await connection.execute(
        select(Additions.application_number).where(
            Additions.tenant_id == tenant_id,
            Additions.customer_id == customer_id,
            Additions.state == AdditionState.UNAPPROVED,
        )
    )
    return [*found.scalars()]


async def _found(context: Context, identity: Identity) -> Decided:
    """Raises: NotFound: the tenant has no such application."""
    async with context.database.transaction(identity.tenant_id) as connection:
        found = await connection.execute(
            select(Additions.application_number, Additions.state, Additions.customer_id).where(
                Additions.tenant_id == identity.tenant_id, Additions.application_number == identity.subject
            )
        )
        row = found.first()
    if row is None:
        raise NotFound
    return Decided.model_validate(row, from_attributes=True)


def _identity(tenant_id: str, number: str, customer_id: str | None = None) -> Identity:
    return Identity.of(ProcedureKind.UTM_ADDITION, tenant_id, number, customer_id)
