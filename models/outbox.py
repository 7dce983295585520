"""Putting mails into the ledger, within the transaction of what they tell of. Sending is `activities/mail.py`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Update, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.identifiers import ordered_id
from models.tables.procedures import Mail
from models.tables.tenants import NotificationAddress
from models.vocabulary import Mail as MailName
from models.vocabulary import MailState

UNDELIVERED = (MailState.QUEUED, MailState.DEFERRED, MailState.UNKNOWN, MailState.SENDING)
# Made once: nearly every step of every procedure runs them.
_POST = insert(Mail).on_conflict_do_nothing()
_NOTIFIED = (
    select(NotificationAddress.mail_address)
    .where(NotificationAddress.tenant_id == bindparam("tenant"))
    .order_by(NotificationAddress.slot)
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One mail to one recipient.

    `values` fill its placeholders; what the tenant or the link gives is added when it is rendered (TPL-07).
    """

    mail: MailName
    recipient: str
    language: str
    values: dict[str, str] = field(default_factory=dict)
    link_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Posting:
    """The step of a procedure that sends letters: each mail of it goes once to each recipient, ever (GEN-03)."""

    tenant_id: str
    procedure_id: str
    step: str
    at: datetime


async def post(connection: AsyncConnection, posting: Posting, letters: Iterable[Letter]) -> int:
    """Queue the letters, in order. Returns how many there are."""
    rows = [_row(posting, letter) for letter in letters]
    if rows:
        await connection.execute(_POST, rows)
    return len(rows)


async def is_waiting(connection: AsyncConnection, tenant_id: str, procedure_id: str) -> bool:
    """Whether something of the procedure is queued that nobody has begun to send."""
    found = await connection.execute(
        select(Mail.mail_id)
        .where(Mail.tenant_id == tenant_id, Mail.procedure_id == procedure_id, Mail.state == MailState.QUEUED)
        .limit(1)
    )
    return found.first() is not None


async def withdraw(
    connection: AsyncConnection, tenant_id: str, procedure_id: str, *, only: Iterable[MailName] = tuple(MailName)
) -> None:
    """Leave unsent what the procedure has not delivered yet: its links are dead.

    A try that is under way is not broken off: where it delivers the mail, the ledger says so; it is the last one.
    """
    await connection.execute(_skip(tenant_id, Mail.procedure_id == procedure_id, Mail.template.in_(only)))


async def withdraw_links(connection: AsyncConnection, tenant_id: str, link_ids: Collection[str]) -> None:
    """Likewise the mails of those links, of whatever procedure."""
    await connection.execute(_skip(tenant_id, Mail.link_id.in_(link_ids)))


def _skip(tenant_id: str, *which: ColumnElement[bool]) -> Update:
    # Locked in the order in which a sender locks them, so that neither waits for the other.
    unsent = (
        select(Mail.mail_id)
        .where(Mail.tenant_id == tenant_id, Mail.state.in_(UNDELIVERED), *which)
        .order_by(Mail.sequence)
        .with_for_update()
    )
    return update(Mail).where(Mail.tenant_id == tenant_id, Mail.mail_id.in_(unsent)).values(state=MailState.SKIPPED)


def _row(posting: Posting, letter: Letter) -> dict[str, object]:
    mail_id = ordered_id()
    return {
        "tenant_id": posting.tenant_id,
        "mail_id": mail_id,
        "procedure_id": posting.procedure_id,
        "step": posting.step,
        "template": letter.mail,
        "recipient": letter.recipient,
        "language": letter.language,
        "values": letter.values,
        "link_id": letter.link_id,
        "state": MailState.QUEUED,
        "message_id": f"<{mail_id}@tetsuzuki>",
        "queued_at": posting.at,
    }


async def notification_addresses(connection: AsyncConnection, tenant_id: str) -> list[str]:
    """The tenant's verified notification addresses (SET-06, SET-07)."""
    found = await connection.execute(_NOTIFIED, {"tenant": tenant_id})
    return list(dict.fromkeys(address for address in found.scalars() if address))
