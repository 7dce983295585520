"""Service applications: sent by anyone with an invitation, decided by staff (APP-01…14)."""

from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, StrictBool

from api.application_judgement import wrong_answers
from api.authentication import Staff
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.contract_consequences import Consequence
from api.decision_consequences import application_row, foresee
from api.idempotency import Once, PostedRequest
from api.invitation import OpenInvitation, find_open_invitation
from api.judged_as_a_whole import judged_by
from api.language import language_of
from api.rate_limits import Limiter, client_key
from models.fields import Input, Memo, OrAbsent
from models.messages.application_steps import Decide, Submission
from models.messages.procedure import Identity
from models.messages.service_application import ServiceApplicationInput
from models.refusals import InvalidInput, WrongState
from models.rules.application_decisions import OUTCOMES
from models.rules.extra_fields import answer_errors, given_answers
from models.vocabulary import Decision, Language, ProcedureKind
from workflows.service_application import ServiceApplication

router = APIRouter(tags=["Applications"])
for_applicants = APIRouter(tags=["Applications"], route_class=judged_by(wrong_answers))


class Submitted(BaseModel):
    application_number: str
    state: str
    confirm_by: datetime


class Memos(Input):
    memo1: OrAbsent[Memo] = None
    memo2: OrAbsent[Memo] = None
    memo3: OrAbsent[Memo] = None


class DecisionInput(Memos):
    dry_run: StrictBool = False


_NO_MEMOS = DecisionInput()


class Decided(BaseModel):
    """How the application stands, or in a dry run would stand; then with its `consequences`, soonest first."""

    application_number: str
    state: str
    customer_id: str | None = None
    dry_run: bool = False
    consequences: list[Consequence] | None = None


async def take_limits(form: ServiceApplicationInput, request: Request, limiter: Limiter) -> None:
    """Raises: TooManyRequests: too many applications from this client, or for this mail address."""
    await limiter.take("apply_per_client", client_key(request))
    await limiter.take("apply_per_address", form.company.mail_address)


@for_applicants.post(
    "/v1/apply/{invitation_token}", status_code=201, response_model=Submitted, dependencies=[Depends(take_limits)]
)
async def apply(
    invitation_token: str, form: ServiceApplicationInput, request: Request, context: Shared, posted: PostedRequest
) -> Response:
    """Send a service application. The applicant is mailed a link to confirm it with, within 24 hours (APP-07)."""
    once = await posted.by(posted.client)
    invitation = await find_open_invitation(context, invitation_token)
    language = language_of(request, Language(invitation.tenant.language))
    return await once.answer(await submit(context, once, invitation, form, language=language), status=201)


@router.post("/v1/tenants/{tenant_id}/applications/{number}/{decision}", response_model=Decided)
async def decide(  # noqa: PLR0913 - most are the framework's
    tenant_id: str,
    number: str,
    decision: Decision,
    request: Request,
    context: Shared,
    staff: Staff,
    *,
    posted: PostedRequest,
    asked: DecisionInput = _NO_MEMOS,
) -> Response:
    """Approve, deny, or hold, and save the memos that the body names (APP-11): a blank one is cleared.

    With `dry_run` nothing changes.

    An approval makes the customer company and begins the signup of its portal users (APP-13). On hold, reminders rest
    for 30 days (APP-15).
    """
    once = await posted.by(staff.actor)
    identity = _identity(tenant_id, number)
    if asked.dry_run:
        foreseen = await foresee(context, identity, decision, language_of(request))
        would_be = Decided(application_number=number, state=OUTCOMES[decision], dry_run=True, consequences=foreseen)
        return await once.answer(would_be)
    command = Decide(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=staff.actor,
        decision=decision,
        **_named_memos(asked),
    )
    return await once.answer(await _decided(context, identity, command))


async def submit(
    context: Context, once: Once, invitation: OpenInvitation, form: ServiceApplicationInput, *, language: Language
) -> Submitted:
    """Begin the procedure; the page behind the invitation does the same.

    Raises:
        InvalidInput: the tenant's extra fields are answered wrongly (APP-05).
    """
    if errors := answer_errors(form.extra, invitation.questions):
        raise InvalidInput(errors=errors)
    draw = once.draw()
    identity = _identity(invitation.tenant_id, draw.application_number())
    submission = Submission(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor="applicant",
        identity=identity,
        form=form.model_copy(update={"extra": given_answers(form.extra)}).model_dump(mode="json"),
        language=language,
        link_id=draw.opaque_id(),
        invitation_id=invitation.invitation_id,
    )
    submitted = await context.commands.start(
        ServiceApplication.run,
        submission,
        identity,
        answer=ServiceApplication.submitted,
        summary=f"Service application {identity.subject} to {identity.tenant_id}",
    )
    return Submitted.model_validate(submitted, from_attributes=True)


def _named_memos(asked: Memos) -> dict[str, str]:
    """As they go into the command, in which an empty one is cleared and an absent one stays."""
    named = asked.model_dump(include=set(Memos.model_fields), exclude_unset=True)
    return {name: memo or "" for name, memo in named.items()}


async def _decided(context: Context, identity: Identity, command: Decide) -> Decided:
    try:
        decided = await context.commands.send(identity, ServiceApplication.decide, command)
    except ProcedureGoneError:
        async with context.database.transaction(identity.tenant_id) as connection:
            raise WrongState(state=(await application_row(connection, identity)).state) from None
    return Decided(application_number=identity.subject, state=decided.state, customer_id=decided.customer_id)


def _identity(tenant_id: str, number: str) -> Identity:
    return Identity.of(ProcedureKind.SERVICE_APPLICATION, tenant_id, number)
