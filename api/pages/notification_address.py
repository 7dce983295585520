"""The page behind the link that a new notification address gets: its button makes the address work (SET-06)."""

from fastapi import Response

from api.notification_addresses import AddressConfirmation, confirm_address, confirmation_of
from api.pages.visit import Form, Visit
from models.refusals import LinkExpired
from models.vocabulary import AddressChangeState


async def show(visit: Visit, *, stale: bool = False) -> Response:
    try:
        confirmation = await confirmation_of(visit.context, visit.token)
    except LinkExpired as refusal:
        return _expired(visit, refusal)
    if confirmation.state is not AddressChangeState.PENDING:
        return _confirmed(visit, confirmation)
    return visit.page(
        "ask.html",
        status=403 if stale else 200,
        stale=stale,
        title=visit.words["address_title"],
        lead=visit.say("address_lead"),
        details=[
            (visit.words["notification_address"], confirmation.mail_address),
            (visit.words["tenant_id"], visit.tenant.tenant_id),
            (visit.words["tenant_name"], visit.tenant.name),
            (visit.words["deadline"], visit.moment(confirmation.deadline)),
        ],
        note=visit.words["address_note"],
        button=visit.words["address_button"],
    )


async def press(visit: Visit, form: Form) -> Response:
    if form.is_stale:
        return await show(visit, stale=True)
    try:
        return _confirmed(visit, await confirm_address(visit.context, visit.token))
    except LinkExpired as refusal:
        return _expired(visit, refusal)


def _confirmed(visit: Visit, confirmation: AddressConfirmation) -> Response:
    return visit.frame.outcome(
        visit.words["address_done_title"],
        visit.say("address_done_text"),
        visit.words["close_page"],
        notification_address=confirmation.mail_address,
    )


def _expired(visit: Visit, refusal: LinkExpired) -> Response:
    return visit.frame.outcome(
        visit.words["link_expired_title"], visit.say("address_expired_text"), kind="closed", status=refusal.status
    )
