"""The page behind the link of a forgotten password (AUT-04)."""

from collections.abc import Sequence

from fastapi import Response

from api.pages.form_fields import Judgement
from api.pages.new_password import password_fields
from api.pages.visit import Form, Visit
from api.password_resets import OpenReset, complete_reset, reset_of
from models.refusals import FieldError, InvalidInput, LinkExpired, LinkUsed


async def show(visit: Visit) -> Response:
    try:
        return _page(visit, await reset_of(visit.context, visit.token))
    except (LinkUsed, LinkExpired) as refusal:
        return _over(visit, refusal)


async def press(visit: Visit, form: Form) -> Response:
    try:
        reset = await reset_of(visit.context, visit.token)
        if form.is_stale or form.has("switch_language"):
            return _page(visit, reset, status=403 if form.is_stale else 200, stale=form.is_stale)
        await complete_reset(visit.context, visit.token, dict(form.entries))
    except InvalidInput as refusal:
        return _page(visit, reset, refusal.errors, status=422)
    except (LinkUsed, LinkExpired) as refusal:
        return _over(visit, refusal)
    return _done(visit)


def _page(
    visit: Visit, reset: OpenReset, errors: Sequence[FieldError] = (), *, status: int = 200, stale: bool = False
) -> Response:
    judgement = Judgement(visit.language, errors=errors)
    fields = [judgement.on(shown) for shown in password_fields(visit)]
    return visit.page(
        "account_form.html",
        status=status,
        title=visit.words["reset_title"],
        lead=visit.words["reset_lead"],
        details=[
            (visit.words["mail_address"], reset.mail_address),
            (visit.words["deadline"], visit.moment(reset.deadline)),
        ],
        account=reset.mail_address,
        fields=fields,
        hidden=[],
        wrong=judgement.summary(fields),
        stale=stale,
        steps=0,
        button=visit.words["reset_button"],
    )


def _done(visit: Visit) -> Response:
    return visit.frame.outcome(
        visit.words["reset_done_title"], visit.words["reset_done_text"], visit.words["close_page"]
    )


def _over(visit: Visit, refusal: LinkUsed | LinkExpired) -> Response:
    if isinstance(refusal, LinkUsed):
        return _done(visit)
    return visit.frame.outcome(
        visit.words["link_expired_title"], visit.words["reset_expired_text"], kind="closed", status=refusal.status
    )
