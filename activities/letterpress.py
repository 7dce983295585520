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
from mail_templates.rendering import (
    SECRET_WITHHELD,
    SESSION_ID_WITHHELD,
    SESSION_PASSWORD_WITHHELD,
    Brand,
    Rendered,
    render,
    with_secret,
)
from mail_templates.return_slip import print_slip
from mail_templates.wording import contract_goes_on
from models import links, session_credentials
from models.encryption import Cipher
from models.links import LinkKey
from models.tables.procedures import Link, Mail
from models.tables.tenants import Tenant
from models.vocabulary import Language
from models.vocabulary import Mail as MailName

_CODES = {"SessionID": SESSION_ID_WITHHELD, "SessionPassword": SESSION_PASSWORD_WITHHELD}


class SecretGoneError(Exception):
    """What the mail was to tell has been erased: its session is over (RSA-04)."""


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
    session_cipher: Cipher
    """Opens the credentials of remote-support sessions."""
    base_url: str
    """Where people reach the pages of a tenant that has no base URL of its own; never taken from a request."""
    sender: str
    sms_domain: str

    async def print(self, connection: AsyncConnection, row: Row[tuple[Mail]]) -> Printed:
        """Render the mail, or take the rendering of an earlier try, and make its bytes.

        Raises:
            SecretGoneError: it must not be sent any more.
        """
        tenant = await tenant_row(connection, row.tenant_id)
        mail, language = MailName(row.template), Language(row.language)
        link = await _link(connection, row)
        rendered = (
            Rendered(language, row.subject or "", row.text, row.html)
            if row.text is not None
            else await self._render(connection, row, tenant=tenant, purpose=link.purpose if link else None)
        )
        withheld = await self._secrets(connection, row, link)
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
        whole = rendered
        for place, secret in withheld.items():
            whole = with_secret(whole, secret, place=place)
        wire = wire_bytes(whole, envelope, attached)
        return Printed(recipient, rendered.subject, rendered.text, rendered.html, wire)

    async def _render(
        self, connection: AsyncConnection, row: Row[tuple[Mail]], *, tenant: Row[tuple[Tenant]], purpose: str | None
    ) -> Rendered:
        mail, language = MailName(row.template), Language(row.language)
        base_url = tenant.portal_base_url or self.base_url
        # A letter of an undo that was queued before its template told this of the contract lacks it.
        before = {"ContractOutcome": contract_goes_on(language)}
        given = before | dict(row.values) | {"PortalURL": base_url, "TenantID": row.tenant_id}
        kind = CATALOGUE[mail]
        for placeholder in kind.required:
            if placeholder.kind is PlaceholderKind.LINK and purpose:
                given[placeholder.name] = base_url + links.path(purpose, SECRET_WITHHELD)
            elif placeholder.kind is PlaceholderKind.CODE:
                given[placeholder.name] = _CODES.get(placeholder.name, SECRET_WITHHELD)
        return render(
            mail,
            language,
            template=(await wording(connection, row.tenant_id, mail, language=language)).template,
            values={name: given[name] for name in kind.fields},
            brand=Brand(tenant.name, tenant.sender_name),
        )

    async def _secrets(
        self, connection: AsyncConnection, row: Row[tuple[Mail]], link: Row[tuple[Link]] | None
    ) -> dict[str, str]:
        """By the place that each has in the mail."""
        secrets = {}
        if link is not None:
            secrets[SECRET_WITHHELD] = self.link_key.token(row.tenant_id, link.link_id, link.purpose, link.recipient)
        elif "reset_id" in row.values:
            secrets[SECRET_WITHHELD] = self.link_key.sms_code(row.values["reset_id"])
        elif "viewer_id" in row.values:
            secrets[SECRET_WITHHELD] = self.link_key.viewer_token(row.values["viewer_id"])
        if "request_id" in row.values:
            request_id = row.values["request_id"]
            session = await session_credentials.find(connection, self.session_cipher, row.tenant_id, request_id)
            if session is None:
                raise SecretGoneError
            secrets[SESSION_ID_WITHHELD] = session.session_id.get_secret_value()
            secrets[SESSION_PASSWORD_WITHHELD] = session.password.get_secret_value()
        return secrets


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
