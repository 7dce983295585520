"""A tenant's own wording of the thirteen templates it may change; without one, the product's (TPL-01, TPL-02)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from mail_templates.rendering import default_template
from mail_templates.syntax import Template
from models.tables.tenants import MailTemplate
from models.vocabulary import Language, Mail


@dataclass(frozen=True)
class Wording:
    """`customized_at`: None for the product's own text."""

    template: Template
    customized_at: datetime | None = None


async def wording(connection: AsyncConnection, tenant_id: str, mail: Mail, *, language: Language) -> Wording:
    """What the mail says now. `language` settles only what the default says: a tenant's own text is one for all."""
    [only] = await wordings(connection, tenant_id, [mail], language=language)
    return only


async def wordings(
    connection: AsyncConnection, tenant_id: str, mails: Sequence[Mail], *, language: Language
) -> list[Wording]:
    """Of several mails at once, in their order."""
    own = await _own(connection, tenant_id, mails)
    return [own.get(mail) or Wording(default_template(mail, language)) for mail in mails]


async def customize(
    connection: AsyncConnection, tenant_id: str, mail: Mail, *, text: Template, by: str, at: datetime
) -> None:
    values = {"subject": text.subject, "body": text.body, "updated_at": at, "updated_by": by}
    await connection.execute(
        insert(MailTemplate)
        .values(tenant_id=tenant_id, template=mail, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "template"], set_=values)
    )


async def reset(connection: AsyncConnection, tenant_id: str, mail: Mail) -> bool:
    """Back to the default; False when it was."""
    done = await connection.execute(
        delete(MailTemplate).where(MailTemplate.tenant_id == tenant_id, MailTemplate.template == mail)
    )
    return done.rowcount == 1


async def _own(connection: AsyncConnection, tenant_id: str, mails: Sequence[Mail]) -> dict[Mail, Wording]:
    found = await connection.execute(
        select(MailTemplate.template, MailTemplate.subject, MailTemplate.body, MailTemplate.updated_at).where(
            MailTemplate.tenant_id == tenant_id, MailTemplate.template.in_(mails)
        )
    )
    return {Mail(row.template): Wording(Template(row.subject, row.body), row.updated_at) for row in found}
