"""The page behind the applicant's link: confirm within 24 hours (APP-07, APP-08), or withdraw until it is decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from sqlalchemy import Row, select

from api.commands import ProcedureGoneError
from api.pages.visit import Form, Visit
from mail_templates.wording import person_name, postal_address
from models.messages.procedure import Command, Identity
from models.refusals import LinkExpired, WrongState
from models.rules.application_decisions import decision_is_open
from models.tables.applications import ServiceApplication as Applications
from models.vocabulary import ApplicationState, ProcedureKind
from workflows.service_application import ServiceApplication

_CONFIRM, _WITHDRAW, _WITHDRAWAL_FORM = "confirm", "withdraw", "withdrawal_form"
_CLOSED = {
    ApplicationState.LAPSED: "application_lapsed",
    ApplicationState.WITHDRAWN: "application_withdrawn",
    ApplicationState.ENDED: "application_ended",
}


@dataclass(frozen=True)
class Section:
    title: str
    rows: list[tuple[str, str]]


async def show(visit: Visit) -> Response:
    return await _tell(visit)


async def press(visit: Visit, form: Form) -> Response:
    """Confirm, or withdraw when the box of that form is ticked; a second press finds it done."""
    if form.is_stale:
        return await _tell(visit, notice="stale_form", status=403)
    if form.get(_WITHDRAW) == "yes":
        if await _command(visit, _WITHDRAW):
            return _outcome(visit, "withdrawn_now_title", "application_withdrawn_text")
    elif form.has(_WITHDRAWAL_FORM) and not form.has(_CONFIRM):
        return await _tell(visit, notice="withdrawal_unticked", status=422)
    else:
        await _command(visit, _CONFIRM)
    return await _tell(visit)


async def _command(visit: Visit, name: str) -> bool:
    """False when it is too late for it; the row tells why. The link is the command's id: pressed twice, done once."""
    identity = Identity.of(ProcedureKind.SERVICE_APPLICATION, visit.tenant.tenant_id, visit.link.subject)
    update = ServiceApplication.confirm if name == _CONFIRM else ServiceApplication.withdraw
    command = Command(command_id=f"{name}-{visit.link.link_id}", actor="applicant")
    try:
        await visit.context.commands.send(identity, update, command)
    except (ProcedureGoneError, WrongState, LinkExpired):
        return False
    return True


async def _tell(visit: Visit, *, notice: str | None = None, status: int = 200) -> Response:
    """What can be done with the application now, or what has become of it."""
    application = await _application(visit)
    state = ApplicationState(application.state)
    if state is ApplicationState.AWAITING_CONFIRMATION:
        if await visit.context.clock.now() >= application.confirm_by:
            return _outcome(visit, "application_lapsed_title", "application_lapsed_text", closed=True)
        return visit.page(
            "application_confirmation.html",
            status=status,
            notice_name=notice,
            deadline=visit.moment(application.confirm_by),
            sections=_sections(visit, application),
        )
    if decision_is_open(state):
        return visit.page(
            "application_received.html",
            status=status,
            notice_name=notice,
            kind="done",
            title=visit.words["application_received_title"],
            paragraphs=[visit.say("application_received_text")],
            details=[(visit.words["application_number"], visit.link.subject)],
        )
    if state in _CLOSED:
        return _outcome(visit, f"{_CLOSED[state]}_title", f"{_CLOSED[state]}_text", closed=True)
    return _outcome(visit, "application_decided_title", "application_decided_text")


def _outcome(visit: Visit, title: str, text: str, *, closed: bool = False) -> Response:
    return visit.frame.outcome(
        visit.words[title],
        visit.say(text),
        kind="closed" if closed else "done",
        status=410 if closed else 200,
        application_number=visit.link.subject,
    )


async def _application(visit: Visit) -> Row[tuple[Applications]]:
    async with visit.context.database.transaction(visit.tenant.tenant_id) as connection:
        found = await connection.execute(
            select(Applications.__table__).where(
                Applications.tenant_id == visit.tenant.tenant_id,
                Applications.application_number == visit.link.subject,
            )
        )
        return found.one()


def _sections(visit: Visit, application: Row[tuple[Applications]]) -> list[Section]:
    """What the applicant has entered, to be checked."""
    said = visit.words
    return [
        Section(said["company_section"], _rows(visit, application.company)),
        *(
            Section(said["utm_destinations_item"].format(number=number), _rows(visit, destination))
            for number, destination in enumerate(application.utm_destinations, start=1)
        ),
        *(
            Section(said["portal_users_item"].format(number=number), _rows(visit, user))
            for number, user in enumerate(application.portal_users, start=1)
        ),
        *([Section(said["extra_section"], list(application.extra.items()))] if application.extra else []),
    ]


def _rows(visit: Visit, entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    person = person_name(entries["last_name"], entries["first_name"], visit.language)
    lines = {
        "company_name": entries.get("company_name"),
        "contact" if "company_name" in entries else "name": person,
        "department": entries.get("department"),
        "position": entries.get("position"),
        "mail_address": entries.get("mail_address"),
        "address": _address(visit, entries),
        "phone_number": entries.get("phone_number"),
        "mobile_number": entries.get("mobile_number"),
        "quantity": entries.get("quantity"),
    }
    return [(visit.words[name], str(entry)) for name, entry in lines.items() if entry]


def _address(visit: Visit, entries: Mapping[str, Any]) -> str | None:
    if "postal_code" not in entries:
        return None
    return postal_address(entries["postal_code"], f"{entries['prefecture']}{entries['address']}", visit.language)
