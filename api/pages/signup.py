"""The pages behind signup links: staff (TEN-03) and portal users (USR-03), new to the product or joining (TEN-06).

Staff see what they entered once more before it counts. Between the two steps everything stays in the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Response

from api.pages.form_fields import Field, Judgement
from api.pages.new_password import PASSWORDS, password_fields
from api.pages.sealed_password import FIELD as SEALED
from api.pages.sealed_password import seal, unseal
from api.pages.visit import Form, Visit
from api.registration import Entries, Registration, check, register, registration_of
from mail_templates.wording import person_name
from models.messages.registration import StaffProfile
from models.refusals import FieldError, InvalidInput, LinkExpired, LinkUsed, WrongState
from models.vocabulary import MemberKind

_AUTOCOMPLETE = {"user_name": "name", "company_name": "organization", "phone_number": "tel-national"}
_KINDS = {"phone_number": "tel", "remark": "textarea"}
_HINTS = {"user_name": "user_name_hint", "phone_number": "digits_hint"}


@dataclass(frozen=True)
class Signup:
    """The form as it stands in one visit. `sealed`: the password of an earlier step, still good."""

    visit: Visit
    registration: Registration
    entries: Mapping[str, str]
    sealed: str = ""

    @property
    def is_staff(self) -> bool:
        return self.registration.member is MemberKind.STAFF

    @property
    def has_steps(self) -> bool:
        """Whoever has an account only accepts (TEN-06)."""
        return self.is_staff and not self.registration.has_password

    def page(self, errors: Sequence[FieldError] = (), *, status: int = 200, stale: bool = False) -> Response:
        visit, registration = self.visit, self.registration
        judgement = Judgement(visit.language, errors=errors)
        fields = [judgement.on(shown) for shown in self._fields()]
        lead = f"signup_{registration.member}_{'join' if registration.has_password else 'lead'}"
        return visit.page(
            "account_form.html",
            status=status,
            title=visit.words[f"signup_{registration.member}_title"],
            lead=visit.say(lead),
            details=self.details(),
            account="" if registration.has_password else registration.mail_address,
            fields=fields,
            hidden=[(SEALED, self.sealed)] if self.sealed else [],
            wrong=judgement.summary(fields),
            stale=stale,
            steps=1 if self.has_steps else 0,
            button=visit.words[self._button],
        )

    def confirmation(self, checked: Entries) -> Response:
        """What has been entered, as it will be kept, and the buttons to register and to go back (TEN-03)."""
        visit, profile = self.visit, checked.profile
        entered = profile.model_dump() if profile else {}
        rows = [(visit.words[name], str(value or visit.words["no_entry"])) for name, value in entered.items()]
        rows.insert(0, (visit.words["password"], visit.words["password_entered"]))
        hidden = [(name, self.entries.get(name, "")) for name in StaffProfile.model_fields]
        hidden.append((SEALED, seal(visit, checked.password or "")))
        return visit.page(
            "signup_confirmation.html",
            title=visit.words["signup_check_title"],
            details=[*self.details(), *rows],
            hidden=hidden,
            steps=2,
        )

    def details(self) -> list[tuple[str, str]]:
        """Whose signup it is, and until when."""
        said, registration = self.visit.words, self.registration
        rows = [(said["mail_address"], registration.mail_address)]
        if self.is_staff:
            rows += [(said["tenant_id"], registration.tenant_id), (said["tenant_name"], registration.tenant_name)]
        else:
            name = person_name(registration.last_name or "", registration.first_name or "", self.visit.language)
            rows += [(said["company_name"], registration.company_name or ""), (said["name"], name)]
            rows += [(said["user_id"], registration.member_id)]
        return [*rows, (said["deadline"], self.visit.moment(registration.deadline))]

    @property
    def _button(self) -> str:
        if self.has_steps:
            return "signup_check_button"
        return "signup_join_button" if self.registration.has_password else "signup_button"

    def _fields(self) -> list[Field]:
        said = self.visit.words
        if self.registration.has_password:
            return []
        passwords = password_fields(self.visit, kept=bool(self.sealed))
        if not self.is_staff:
            return passwords
        profile = [
            Field(
                name=name,
                label=said[name],
                kind=_KINDS.get(name, "text"),
                value=self.entries.get(name, ""),
                required=info.is_required(),
                hint=said[_HINTS[name]] if name in _HINTS else "",
                autocomplete=_AUTOCOMPLETE.get(name, ""),
                short=name == "phone_number",
            )
            for name, info in StaffProfile.model_fields.items()
        ]
        return passwords + profile


async def show(visit: Visit) -> Response:
    try:
        registration = await registration_of(visit.context, visit.token)
    except (LinkUsed, LinkExpired) as refusal:
        return _over(visit, refusal)
    return Signup(visit, registration, {}).page()


async def press(visit: Visit, form: Form) -> Response:
    """Check and show once more; with `step=register`, and for portal users at once, register."""
    try:
        registration = await registration_of(visit.context, visit.token)
        entries, sealed = _with_password(visit, form)
        signup = Signup(visit, registration, entries, sealed)
        if form.is_stale:
            return signup.page(status=403, stale=True)
        if form.get("step") == "back" or form.has("switch_language"):
            return signup.page()
        return await _proceed(signup, form)
    except (LinkUsed, LinkExpired) as refusal:
        return _over(visit, refusal)
    except WrongState:
        return await show(visit)


async def _proceed(signup: Signup, form: Form) -> Response:
    visit = signup.visit
    try:
        if signup.has_steps and form.get("step") != "register":
            _, checked = await check(visit.context, visit.token, signup.entries)
            return signup.confirmation(checked)
        await register(visit.context, visit.token, signup.entries)
    except InvalidInput as refusal:
        return _kept(signup, refusal).page(refusal.errors, status=422)
    return _done(visit)


def _kept(signup: Signup, refusal: InvalidInput) -> Signup:
    """A password that is right need not be typed again because something else is wrong."""
    wrong = {error.field for error in refusal.errors}
    password = signup.entries.get("password", "")
    sealed = seal(signup.visit, password) if password and wrong.isdisjoint(PASSWORDS) else ""
    return Signup(signup.visit, signup.registration, signup.entries, sealed)


def _with_password(visit: Visit, form: Form) -> tuple[dict[str, str], str]:
    """The entries, with the password of the earlier step where none has been typed now."""
    entries = dict(form.entries)
    sealed = entries.pop(SEALED, "")
    if any(entries.get(name) for name in PASSWORDS):
        return entries, ""
    password = unseal(visit, sealed)
    if password is None:
        return entries, ""
    return entries | dict.fromkeys(PASSWORDS, password), sealed


def _done(visit: Visit) -> Response:
    return visit.frame.outcome(
        visit.words["signup_done_title"], visit.say("signup_done_text"), visit.words["close_page"]
    )


def _over(visit: Visit, refusal: LinkUsed | LinkExpired) -> Response:
    if isinstance(refusal, LinkUsed):
        return _done(visit)
    return visit.frame.outcome(
        visit.words["link_expired_title"], visit.say("signup_expired_text"), kind="closed", status=refusal.status
    )
