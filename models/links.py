"""Links in mails (GEN-06): unguessable, for one purpose and one recipient, and kept only as a digest."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.identifiers import Draw, digest
from models.refusals import LinkExpired, LinkUsed, LinkWithdrawn
from models.tables.procedures import Link
from models.vocabulary import LinkPurpose

_TOKEN = re.compile(r"(T[0-9]{7})-[A-Za-z0-9_-]{43}")
_APPLY = {LinkPurpose.INVITATION, LinkPurpose.PERSONAL_INVITATION}


@dataclass(frozen=True)
class LinkKey:
    """The key of all links. A token is made of it whenever a mail is rendered, so that no store holds tokens."""

    key: bytes

    def token(self, tenant_id: str, link_id: str, purpose: str, recipient: str) -> str:
        """The tenant's id, so that the row can be found under its policy, and 256 bits."""
        message = f"{tenant_id}\n{link_id}\n{purpose}\n{recipient}".encode()
        mac = hmac.digest(self.key, message, hashlib.sha256)
        return f"{tenant_id}-{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    def sms_code(self, reset_id: str) -> str:
        """The six digits of an SMS, as unstored as the tokens."""
        mac = hmac.digest(self.key, b"sms\n" + reset_id.encode(), hashlib.sha256)
        return f"{int.from_bytes(mac, 'big') % 1_000_000:06d}"

    def viewer_token(self, viewer_id: str) -> str:
        """80 bits in four groups of letters and digits, none of which looks like another; as unstored (VWR-03)."""
        mac = hmac.digest(self.key, b"viewer\n" + viewer_id.encode(), hashlib.sha256)
        token = base64.b32encode(mac[:10]).decode()
        return "-".join(token[start : start + 4] for start in range(0, len(token), 4))


@dataclass(frozen=True, kw_only=True)
class NewLink:
    tenant_id: str
    link_id: str
    purpose: LinkPurpose
    recipient: str
    subject: str
    procedure_id: str | None
    issued_at: datetime
    deadline: datetime | None


def invitation(tenant_id: str, at: datetime) -> NewLink:
    """A tenant's own invitation (APP-01): without recipient and without deadline."""
    return NewLink(
        tenant_id=tenant_id,
        link_id=Draw().opaque_id(),
        purpose=LinkPurpose.INVITATION,
        recipient="",
        subject=tenant_id,
        procedure_id=None,
        issued_at=at,
        deadline=None,
    )


def path(purpose: str, token: str) -> str:
    """Where the link leads, below the base URL."""
    return f"/apply/{token}" if purpose in _APPLY else f"/links/{token}"


def tenant_of(token: str) -> str | None:
    """The tenant that a token claims to be of; None for what cannot be a token."""
    match = _TOKEN.fullmatch(token)
    return match.group(1) if match else None


async def issue(connection: AsyncConnection, key: LinkKey, link: NewLink) -> None:
    token = key.token(link.tenant_id, link.link_id, link.purpose, link.recipient)
    await connection.execute(
        insert(Link).values(
            tenant_id=link.tenant_id,
            link_id=link.link_id,
            token_digest=digest(token),
            purpose=link.purpose,
            recipient=link.recipient,
            subject=link.subject,
            procedure_id=link.procedure_id,
            issued_at=link.issued_at,
            deadline=link.deadline,
        )
    )


async def find(connection: AsyncConnection, token: str) -> Row[tuple[Link]] | None:
    """The link of a token, in a transaction of the tenant that the token names."""
    found = await connection.execute(select(Link.__table__).where(Link.token_digest == digest(token)))
    return found.first()


def refuse_dead(link: Row[tuple[Link]], now: datetime) -> None:
    """Raises: LinkUsed, LinkWithdrawn, LinkExpired: the link opens nothing any more, and why."""
    if link.used_at is not None:
        raise LinkUsed
    if link.withdrawn_at is not None:
        raise LinkWithdrawn
    if link.deadline is not None and now >= link.deadline:
        raise LinkExpired


async def latest(connection: AsyncConnection, tenant_id: str, subject: str) -> Row[tuple[Link]]:
    """The newest link about the subject. Raises `NoResultFound` when there never was one."""
    found = await connection.execute(
        select(Link.__table__)
        .where(Link.tenant_id == tenant_id, Link.subject == subject)
        .order_by(Link.issued_at.desc())
        .limit(1)
    )
    return found.one()


async def alive(connection: AsyncConnection, tenant_id: str, subject: str) -> frozenset[str]:
    """The ids of the links about the subject that are neither used nor withdrawn."""
    found = await connection.execute(
        select(Link.link_id).where(
            Link.tenant_id == tenant_id, Link.subject == subject, Link.used_at.is_(None), Link.withdrawn_at.is_(None)
        )
    )
    return frozenset(found.scalars())


async def use(connection: AsyncConnection, tenant_id: str, link_id: str, at: datetime) -> bool:
    """Mark it used; False when it was used or withdrawn already."""
    done = await connection.execute(
        update(Link)
        .where(
            Link.tenant_id == tenant_id, Link.link_id == link_id, Link.used_at.is_(None), Link.withdrawn_at.is_(None)
        )
        .values(used_at=at)
    )
    return done.rowcount == 1


async def withdraw(connection: AsyncConnection, tenant_id: str, subject: str, at: datetime) -> None:
    """Kill every unused link about the subject, at once (TEN-04, USR-04)."""
    await connection.execute(
        update(Link)
        .where(
            Link.tenant_id == tenant_id, Link.subject == subject, Link.used_at.is_(None), Link.withdrawn_at.is_(None)
        )
        .values(withdrawn_at=at)
    )
