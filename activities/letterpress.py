"""From a row of the ledger to the bytes on the wire. The only place where a link's secret meets its mail."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import return_slips
from activities.records import tenant_row
from activities.tenant_templates import wording
from mail_templates.catalogue import CATALOGUE, Channel
from mail_templates.message import Attachment, Envelope, wire_bytes
from mail_templates.placeholders import PlaceholderKind
from mail_templates.rendering import SECRET_WITHHELD, Brand, Rendered, render, with_secret
from mail_templates.return_slip import print_slip
from models import links
from models.links import LinkKey
from models.tables.procedures import Link, Mail
from models.tables.tenants import Tenant
from models.vocabulary import Language
from models.vocabulary import Mail as MailName


@dataclass(frozen=True)
class Printed:
    """`subject`, `text` and `html` as the ledger keeps them; `wire` as it is sent, secret included."""

    recipient: str
    subject: str
    text: str
    html: str | None
    wire: bytes


@dataclass(frozen=True, kw_only=True)
class Letterpress:
    link_key: LinkKey
    base_url: str
    """Where people reach the pages of a tenant that has no base URL of its own; never taken from a request."""
    sender: str
    sms_domain: str

    async def print(self, connection: AsyncConnection, row: Row[tuple[Mail]]) -> Printed:
        """Render the mail, or take the rendering of an earlier try, and make its bytes."""
        tenant = await tenant_row(connection, row.tenant_id)
        mail, language = MailName(row.template), Language(row.language)
        link = await _link(connection, row)
        rendered = (
            Rendered(language, row.subject or "", row.text, row.html)
            if row.text is not None
            else await self._render(connection, row, tenant=tenant, purpose=link.purpose if link else None)
        )
        secret = self._secret(row, link)
        sms = CATALOGUE[mail].channel is Channel.SMS
        recipient = f"{row.recipient}@{self.sms_domain}" if sms else row.recipient
        envelope = Envelope(
            message_id=row.message_id,
            date=row.queued_at,
            sender=self.sender,
            sender_name=tenant.sender_name,
            recipient=recipient,
        )
        attached = await _slip(connection, row) if mail is MailName.RETURN_KIT_SENT else None
        wire = wire_bytes(with_secret(rendered, secret) if secret else rendered, envelope, attached)
        return Printed(recipient, rendered.subject, rendered.text, rendered.html, wire)

    async def _render(
        self, connection: AsyncConnection, row: Row[tuple[Mail]], *, tenant: Row[tuple[Tenant]], purpose: str | None
    ) -> Rendered:
        mail, language = MailName(row.template), Language(row.language)
        base_url = tenant.portal_base_url or self.base_url
        given = dict(row.values) | {"PortalURL": base_url, "TenantID": row.tenant_id}
        kind = CATALOGUE[mail]
        for placeholder in kind.required:
            if placeholder.kind is PlaceholderKind.LINK and purpose:
                given[placeholder.name] = base_url + links.path(purpose, SECRET_WITHHELD)
            elif placeholder.kind is PlaceholderKind.CODE:
                given[placeholder.name] = SECRET_WITHHELD
        return render(
            mail,
            language,
            template=(await wording(connection, row.tenant_id, mail, language=language)).template,
            values={name: given[name] for name in kind.fields},
            brand=Brand(tenant.name, tenant.sender_name),
        )

    def _secret(self, row: Row[tuple[Mail]], link: Row[tuple[Link]] | None) -> str | None:
        if link is not None:
            return self.link_key.token(row.tenant_id, link.link_id, link.purpose, link.recipient)
        reset_id = row.values.get("reset_id")
        return self.link_key.sms_code(reset_id) if reset_id else None


async def _slip(connection: AsyncConnection, row: Row[tuple[Mail]]) -> Attachment:
    """Printed anew at each try: only its text is kept. Raises: NoJapaneseFontError: it cannot be (KIT-02)."""
    slip = await return_slips.find(connection, row.tenant_id, row.procedure_id)
    return Attachment(f"return-slip-{slip.utm_id}.pdf", await asyncio.to_thread(print_slip, slip))


async def _link(connection: AsyncConnection, row: Row[tuple[Mail]]) -> Row[tuple[Link]] | None:
    if row.link_id is None:
        return None
    return (
        await connection.execute(
            select(Link.__table__).where(Link.tenant_id == row.tenant_id, Link.link_id == row.link_id)
        )
    ).one()
