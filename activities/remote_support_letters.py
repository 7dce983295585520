"""The mails of remote support, to the support desk and to the customer's administrators (RSA-03…06).

What names the session is not in their values: it is looked up when a mail is printed (`activities/letterpress.py`).
"""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import approval_rows
from activities.remote_support_rows import Device, device_of
from mail_templates import remote_support_wording
from mail_templates.wording import moment, nothing, postal_address
from models import links, outbox
from models.approval_refusals import NoAdministrators
from models.device_vocabulary import RemoteSupportEnd
from models.identifiers import Draw
from models.links import LinkKey, NewLink
from models.messages.remote_support_steps import RemoteSupportStep
from models.outbox import Letter, Posting
from models.vocabulary import Language, LinkPurpose, Mail

_SESSION = (Mail.REMOTE_SUPPORT_SESSION, Mail.REMOTE_SUPPORT_SESSION_DESK)


def place(device: Device) -> str:
    """Which device it is, and where it stands, in a line."""
    language = Language(device.tenant.language)
    return remote_support_wording.device(
        device.row.name,
        device.row.utm_id,
        postal_address(device.row.postal_code, device.row.address, language),
        language,
    )


async def tell_session(
    connection: AsyncConnection, step: RemoteSupportStep, row: Row[Any], *, link_key: LinkKey
) -> None:
    """It runs: how it is called and its password to both sides; administrators can end it by a link of their own."""
    device = await device_of(connection, row)
    values = _values(device, row) | {"request_id": row.request_id}
    mails = []
    for address in await _administrators(connection, row):
        link_id = await _link(connection, step, row, address=address, link_key=link_key)
        mails.append(_letter(Mail.REMOTE_SUPPORT_SESSION, device, address, values, link_id=link_id))
    mails += [
        _letter(Mail.REMOTE_SUPPORT_SESSION_DESK, device, address, values)
        for address in device.row.service_desk_addresses
    ]
    await _post(connection, step, mails)


async def tell_both(connection: AsyncConnection, step: RemoteSupportStep, row: Row[Any], mail: Mail) -> None:
    """The same to the desk and to the administrators: failed, ended, or not known to have stopped."""
    device = await device_of(connection, row)
    both = [*device.row.service_desk_addresses, *await _administrators(connection, row)]
    values = _values(device, row)
    await _post(connection, step, [_letter(mail, device, address, values) for address in dict.fromkeys(both)])


async def forget_session(connection: AsyncConnection, step: RemoteSupportStep, row: Row[Any]) -> None:
    """Its links are dead, and what would still tell its password is left unsent."""
    await links.withdraw(connection, row.tenant_id, row.request_id, step.at)
    await outbox.withdraw(connection, row.tenant_id, step.identity.procedure_id, only=_SESSION)


async def _administrators(connection: AsyncConnection, row: Row[Any]) -> list[str]:
    try:
        known = await approval_rows.administrators(connection, row.tenant_id, row.customer_id)
    except NoAdministrators:  # of a session begun at the device; or they have all been removed since
        return []
    return [one.mail_address for one in known]


async def _link(
    connection: AsyncConnection, step: RemoteSupportStep, row: Row[Any], *, address: str, link_key: LinkKey
) -> str:
    link = NewLink(
        tenant_id=row.tenant_id,
        link_id=Draw().opaque_id(),
        purpose=LinkPurpose.REMOTE_SUPPORT_END,
        recipient=address,
        subject=row.request_id,
        procedure_id=step.identity.procedure_id,
        issued_at=step.at,
        deadline=row.ends_at,
    )
    await links.issue(connection, link_key, link)
    return link.link_id


def _values(device: Device, row: Row[Any]) -> dict[str, str]:
    language, zone = Language(device.tenant.language), device.tenant.time_zone
    none = nothing(language)
    instants = {"StartedAt": row.started_at, "EndsAt": row.ends_at, "EndedAt": row.ended_at}
    ended = remote_support_wording.end(RemoteSupportEnd(row.ended_by), language) if row.ended_by else none
    return {
        "CompanyName": device.company_name,
        "AskedFor": place(device),
        "AskedBy": row.asked_by or none,
        "Reason": row.reason or none,
        "EndedBy": ended,
        "FailureReason": ended,
        **{name: moment(at, zone, language) if at else none for name, at in instants.items()},
    }


def _letter(mail: Mail, device: Device, address: str, values: dict[str, str], *, link_id: str | None = None) -> Letter:
    return Letter(mail=mail, recipient=address, language=device.tenant.language, values=values, link_id=link_id)


async def _post(connection: AsyncConnection, step: RemoteSupportStep, mails: list[Letter]) -> None:
    identity = step.identity
    posting = Posting(tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=step.step, at=step.at)
    await outbox.post(connection, posting, mails)
