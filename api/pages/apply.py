"""The application form behind an invitation, the tenant's or a personal one (APP-01 to APP-07, APP-18, SET-03).

Its buttons are all submits: blocks come and go, an address is filled in from its postal code, the language changes, and
what has been typed stays. Nothing of that is kept anywhere but in the page itself.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from fastapi import APIRouter, Response
from pydantic import ValidationError
from sqlalchemy import select

from api.idempotency import Once, Posted, request_fingerprint
from api.input_errors import field_errors
from api.invitation import OpenInvitation, find_open_invitation
from api.pages.application_entries import Entries, without_house_number
from api.pages.application_form import application_form
from api.pages.form_fields import Judgement
from api.pages.opened_form import OpenedForm
from api.pages.page_route import PageRoute
from api.pages.visit import Form, Visit, Visited
from api.personal_invitations import note_opened
from api.rate_limits import Limiter
from api.service_application import submit, take_limits
from models.messages.service_application import ServiceApplicationInput
from models.refusals import FieldError, LinkExpired, RefusedReferrer
from models.rules.extra_fields import answer_errors
from models.tables.applications import PersonalInvitation
from models.vocabulary import InvitationState, LinkPurpose

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_BUTTONS = ("add", "remove", "copy", "fill")
_SWITCH_LANGUAGE = "switch_language"
_OPENED = "opened_form"
_CHECKED = "address_checked"
"""An address without a house number that the person has been asked about (APP-06)."""
_CONTROLS = frozenset({*_BUTTONS, _SWITCH_LANGUAGE, _OPENED, _CHECKED})


@dataclass(frozen=True)
class Filling:
    """The form as it stands in one visit."""

    visit: Visit
    invitation: OpenInvitation
    opened: str
    entries: Entries
    asked: tuple[str, ...] = ()
    """Addresses that the person has been asked about."""

    def page(self, judgement: Judgement | None = None, *, status: int = 200, stale: bool = False) -> Response:
        """The form again, with everything that has been typed."""
        visit = self.visit
        period = visit.context.settings.durations.application_confirmation
        return visit.page(
            "application_form.html",
            status=status,
            form=application_form(self.entries, self.invitation.questions, judgement or Judgement(visit.language)),
            hidden=[(_OPENED, self.opened), *((_CHECKED, address) for address in self.asked)],
            hours=str(period // timedelta(hours=1)),
            stale=stale,
            button=visit.words["apply_button"],
        )


@router.api_route("/apply/{token}", methods=["GET", "HEAD"])
async def show(visit: Visited) -> Response:
    """The empty form. A personal invitation's address stands in it already."""
    invitation = await _found(visit)
    if isinstance(invitation, Response):
        return invitation
    _refuse_other_referrers(visit, invitation)
    entries = Entries.blank()
    entries.company["mail_address"] = visit.link.recipient
    return Filling(visit, invitation, OpenedForm.of(visit).begin(), entries).page()


@router.api_route("/apply/{token}", methods=["POST"])
async def send(visit: Visited, limiter: Limiter) -> Response:
    """Do what the pressed button asks for; without one, send the application."""
    invitation = await _found(visit)
    if isinstance(invitation, Response):
        return invitation
    form = await visit.read_form()
    await note_opened(visit.context, invitation)
    filling = Filling(visit, invitation, _opened(visit, invitation, form), _entries(form), tuple(form.all(_CHECKED)))
    for button in _BUTTONS:
        if form.has(button):
            return filling.page(_pressed(filling, button, form.get(button)))
    if form.has(_SWITCH_LANGUAGE):
        return filling.page()
    if form.is_stale:
        return filling.page(stale=True, status=403)
    return await _judge(filling, limiter)


async def _judge(filling: Filling, limiter: Limiter) -> Response:
    visit = filling.visit
    checked, errors = _checked(filling)
    if checked is None or errors:
        return filling.page(Judgement(visit.language, errors=errors), status=422)
    doubtful = without_house_number(filling.entries)
    unasked = {name: address for name, address in doubtful.items() if address not in filling.asked}
    if unasked:
        warnings = dict.fromkeys(unasked, visit.words["house_number_missing"])
        asking = replace(filling, asked=tuple(doubtful.values()))
        return asking.page(Judgement(visit.language, warnings=warnings))
    await take_limits(checked, visit.request, limiter)
    return await _submit(filling, checked)


async def _submit(filling: Filling, application: ServiceApplicationInput) -> Response:
    visit = filling.visit
    once = await _once(visit, filling.opened)
    submitted = await submit(visit.context, once, filling.invitation, application, language=visit.language)
    return visit.frame.outcome(
        visit.words["sent_title"],
        visit.say("sent_text", address=application.company.mail_address),
        visit.words["sent_hint"],
        application_number=submitted.application_number,
        confirm_by=visit.moment(submitted.confirm_by),
    )


def _checked(filling: Filling) -> tuple[ServiceApplicationInput | None, tuple[FieldError, ...]]:
    """The application, or everything that is wrong with it (GEN-07)."""
    extra_errors = answer_errors(filling.entries.extra, filling.invitation.questions)
    try:
        return ServiceApplicationInput.model_validate(filling.entries.document()), extra_errors
    except ValidationError as error:
        return None, field_errors(error.errors()) + extra_errors


async def _once(visit: Visit, opened: str) -> Once:
    """A form sent twice is one application; sent again after a correction, it is another."""
    fingerprint = request_fingerprint(visit.request, await visit.request.body())
    posted = Posted(visit.request.app.state.idempotency, visit.request, f"{opened} {fingerprint}")
    return await posted.by(posted.client)


def _entries(form: Form) -> Entries:
    return Entries.of(entry for entry in form.entries if entry[0] not in _CONTROLS)


def _pressed(filling: Filling, button: str, target: str) -> Judgement:
    language = filling.visit.language
    focused = filling.entries.press(button, target)
    if button == "fill" and focused.endswith(".postal_code"):
        unknown = {focused: filling.visit.words["postal_code_unknown"]}
        return Judgement(language, warnings=unknown, focused=focused)
    return Judgement(language, focused=focused)


def _opened(visit: Visit, invitation: OpenInvitation, form: Form) -> str:
    """The form that was opened. One that never was is let in only as a new visitor would be (SET-03)."""
    opened_form, opened = OpenedForm.of(visit), form.get(_OPENED)
    if opened_form.is_ours(opened):
        return opened
    _refuse_other_referrers(visit, invitation)
    return opened_form.begin()


def _refuse_other_referrers(visit: Visit, invitation: OpenInvitation) -> None:
    """SET-03. A personal invitation comes by mail, which has no referrer."""
    allowed = [] if invitation.invitation_id else invitation.tenant.allowed_referrers
    referrer = visit.request.headers.get("referer", "")
    if allowed and not any(referrer.startswith(origin) for origin in allowed):
        raise RefusedReferrer


async def _found(visit: Visit) -> OpenInvitation | Response:
    """The invitation, or the page that says why there is nothing to fill in any more."""
    if number := await _application_of(visit):
        return visit.frame.outcome(
            visit.words["invitation_applied_title"], visit.words["invitation_applied_text"], application_number=number
        )
    try:
        return await find_open_invitation(visit.context, visit.token)
    except LinkExpired as refusal:
        title, text = visit.words["link_expired_title"], visit.say("invitation_expired_text")
        return visit.frame.outcome(title, text, kind="closed", status=refusal.status)


async def _application_of(visit: Visit) -> str | None:
    """The number of the application that this personal invitation has been answered with."""
    if visit.link.purpose != LinkPurpose.PERSONAL_INVITATION:
        return None
    async with visit.context.database.transaction(visit.tenant.tenant_id) as connection:
        found = await connection.execute(
            select(PersonalInvitation.application_number).where(
                PersonalInvitation.tenant_id == visit.tenant.tenant_id,
                PersonalInvitation.invitation_id == visit.link.subject,
                PersonalInvitation.state == InvitationState.APPLIED,
            )
        )
        return found.scalar_one_or_none()
