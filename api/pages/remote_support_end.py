"""The page behind an administrator's link to a running remote-support session: its button ends it (RSA-05)."""

from contextlib import suppress
from typing import Any

from fastapi import Response
from sqlalchemy import Row, select

from api.pages.visit import Form, Visit
from api.rate_limits import client_key
from api.remote_support import end_session
from mail_templates import remote_support_wording
from models.device_vocabulary import RemoteSupportEnd, RemoteSupportState
from models.messages.remote_support_steps import EndRemoteSupport
from models.refusals import LinkWithdrawn, WrongState
from models.tables.devices import RemoteSupport as Sessions
from models.tables.utms import Utm


async def show(visit: Visit, *, stale: bool = False) -> Response:
    row = await _row(visit)
    if row.state != RemoteSupportState.RUNNING:
        return _over(visit, row)
    _refuse_withdrawn(visit)
    return visit.page(
        "ask.html",
        status=403 if stale else 200,
        stale=stale,
        title=visit.words["session_title"],
        lead=visit.words["session_lead"],
        details=[
            (visit.words["session_device"], visit.say("session_device_named", device=row.name, utm_id=row.utm_id)),
            *_told(visit, [("session_asked_by", row.asked_by), ("session_reason", row.reason)]),
            (visit.words["session_started_at"], visit.moment(row.started_at)),
            (visit.words["session_ends_at"], visit.moment(row.ends_at)),
        ],
        note=visit.words["session_note"],
        button=visit.words["session_button"],
    )


async def press(visit: Visit, form: Form) -> Response:
    """A second press finds it ended."""
    if form.is_stale:
        return await show(visit, stale=True)
    row = await _row(visit)
    if row.state == RemoteSupportState.RUNNING:
        _refuse_withdrawn(visit)
    command = EndRemoteSupport(
        command_id=f"end-{visit.link.link_id}",
        actor=f"administrator:{visit.link.link_id}",
        by=RemoteSupportEnd.ADMINISTRATOR,
        client=client_key(visit.request),
    )
    with suppress(WrongState):  # it was over before: the row tells
        await end_session(visit.context, row, command)
    return await show(visit)


def _refuse_withdrawn(visit: Visit) -> None:
    """An administrator who has been removed meanwhile ends nothing. The session's own end withdraws links as well."""
    if visit.link.withdrawn_at is not None:
        raise LinkWithdrawn


def _over(visit: Visit, row: Row[Any]) -> Response:
    by = remote_support_wording.end(RemoteSupportEnd(row.ended_by), visit.language)
    return visit.frame.outcome(
        visit.words["session_over_title"],
        visit.words["session_over_text"],
        session_ended_at=visit.moment(row.ended_at),
        session_ended_by=by,
    )


def _told(visit: Visit, rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(visit.words[name], value) for name, value in rows if value]


async def _row(visit: Visit) -> Any:  # noqa: ANN401 - SQLAlchemy's row types fit nothing shorter
    tenant_id = visit.tenant.tenant_id
    async with visit.context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(
                Sessions.tenant_id,
                Sessions.request_id,
                Sessions.customer_id,
                Sessions.utm_id,
                Sessions.state,
                Sessions.asked_by,
                Sessions.reason,
                Sessions.started_at,
                Sessions.ends_at,
                Sessions.ended_at,
                Sessions.ended_by,
                Utm.name,
            )
            .join(Utm, (Utm.tenant_id == tenant_id) & (Utm.registration_id == Sessions.registration_id))
            .where(Sessions.tenant_id == tenant_id, Sessions.request_id == visit.link.subject)
        )
        return found.one()
