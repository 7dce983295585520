"""The templates that a tenant may change: read, change, preview, reset (TPL-01 to TPL-04)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import tenant_templates
from activities.records import tenant_row
from activities.tenant_templates import Wording
from api.authentication import Staff
from api.context import Shared
from api.etags import IfMatch, check_if_match, etag
from api.idempotency import PostedRequest
from api.language import language_of
from api.paging import Page, PagingQuery, page_of
from mail_templates.catalogue import CATALOGUE, Channel
from mail_templates.checking import check_template
from mail_templates.rendering import Brand, default_template, render
from mail_templates.syntax import Template, normalized
from models import audit
from models.audit import Fact
from models.fields import Input
from models.refusals import InvalidInput, NotFound, NothingChanged
from models.vocabulary import TENANT_TEMPLATES, Language, Mail

router = APIRouter(prefix="/v1/tenants/{tenant_id}/mail-templates", tags=["Mail templates"])


def _changeable(template: Annotated[str, Path(json_schema_extra={"enum": list(TENANT_TEMPLATES)})]) -> Mail:
    """Raises: NotFound: there is none of that name, or it is one of the fixed mails."""
    if template not in TENANT_TEMPLATES:
        raise NotFound
    return Mail(template)


Changeable = Annotated[Mail, Depends(_changeable)]


class WordingInput(Input):
    """As typed, so that an error can name its spot. An SMS has no subject."""

    subject: str | None = None
    body: str

    def checked(self, mail: Mail) -> Template:
        """The text in the form in which it is stored.

        Raises:
            InvalidInput: naming every spot that stands against it (TPL-03).
        """
        typed = Template(self.subject or "", self.body)
        if errors := check_template(mail, typed):
            raise InvalidInput(errors=errors)
        return Template(normalized(typed.subject), normalized(typed.body))


class ListedTemplate(BaseModel):
    template: Mail
    channel: Channel
    subject: str | None
    customized: bool
    customized_at: datetime | None


class DefaultWording(BaseModel):
    subject: str | None
    body: str


class PlaceholderShown(BaseModel):
    """`required`: it must stand in the body, exactly once."""

    name: str
    written: str = Field(examples=["{{ApplicationNumber}}"])
    meaning: str
    sample: str
    required: bool


class ShownTemplate(ListedTemplate):
    body: str
    default: DefaultWording
    placeholders: list[PlaceholderShown]


class Preview(BaseModel):
    """An SMS has neither subject nor HTML."""

    subject: str | None
    text: str
    html: str | None


@router.get("")
async def list_templates(tenant_id: str, context: Shared, staff: Staff, paging: PagingQuery) -> Page[ListedTemplate]:
    """All thirteen, each with its subject and whether it is the tenant's own (TPL-02)."""
    async with context.database.transaction(tenant_id) as connection:
        language = Language((await tenant_row(connection, tenant_id)).language)
        wordings = await tenant_templates.wordings(connection, tenant_id, TENANT_TEMPLATES, language=language)
    listed = [ListedTemplate(**_head(mail, wording)) for mail, wording in zip(TENANT_TEMPLATES, wordings, strict=True)]
    return page_of(listed, paging, key=lambda one: one.template)


@router.get("/{template}", response_model=ShownTemplate)
async def read(tenant_id: str, template: Changeable, context: Shared, staff: Staff, request: Request) -> Response:
    """The text as it is now, the default, and the placeholders that this template allows (TPL-03)."""
    async with context.database.transaction(tenant_id) as connection:
        language = Language((await tenant_row(connection, tenant_id)).language)
        wording = await tenant_templates.wording(connection, tenant_id, template, language=language)
    return _answer(request, template, wording, language)


@router.put("/{template}", response_model=ShownTemplate)
async def change(
    tenant_id: str,
    template: Changeable,
    body: WordingInput,
    context: Shared,
    staff: Staff,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Save the tenant's own text. Refused are what could not be sent as it stands, and what is there already."""
    wanted = body.checked(template)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        language = Language((await tenant_row(connection, tenant_id, locked=True)).language)
        wording = await tenant_templates.wording(connection, tenant_id, template, language=language)
        check_if_match(if_match, _etag(wording))
        if wanted == wording.template:
            raise NothingChanged
        await tenant_templates.customize(connection, tenant_id, template, text=wanted, by=staff.actor, at=now)
        await _note(connection, tenant_id, template, what="mail_template_changed", by=staff.actor, at=now)
    return _answer(request, template, Wording(wanted, now), language)


@router.delete("/{template}", status_code=204)
async def reset(
    tenant_id: str, template: Changeable, context: Shared, staff: Staff, *, if_match: IfMatch = None
) -> None:
    """Back to the default text; what is the default already stays so (TPL-02)."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        language = Language((await tenant_row(connection, tenant_id, locked=True)).language)
        wording = await tenant_templates.wording(connection, tenant_id, template, language=language)
        check_if_match(if_match, _etag(wording))
        if await tenant_templates.reset(connection, tenant_id, template):
            await _note(connection, tenant_id, template, what="mail_template_reset", by=staff.actor, at=now)


@router.post("/{template}/preview", response_model=Preview)
async def preview(
    tenant_id: str, template: Changeable, body: WordingInput, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """A text that is not saved, exactly as it would be sent, with sample values (TPL-04)."""
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        tenant = await tenant_row(connection, tenant_id)
        language = Language(tenant.language)
        rendered = render(
            template,
            language,
            template=body.checked(template),
            values=CATALOGUE[template].sample_values(language),
            brand=Brand(tenant.name, tenant.sender_name),
        )
        return await once.answer(Preview(subject=rendered.subject or None, text=rendered.text, html=rendered.html))


async def _note(connection: AsyncConnection, tenant_id: str, mail: Mail, *, what: str, by: str, at: datetime) -> None:
    await audit.record(connection, Fact(tenant_id=tenant_id, at=at, actor=by, what=what, subject=mail))


def _answer(request: Request, mail: Mail, wording: Wording, language: Language) -> Response:
    """`language` is the tenant's; what placeholders mean is told in the reader's."""
    shown = ShownTemplate(
        **_head(mail, wording),
        body=wording.template.body,
        default=_default(mail, language),
        placeholders=_placeholders(mail, language, reader=language_of(request, language)),
    )
    return Response(shown.model_dump_json(), media_type="application/json", headers={"ETag": _etag(wording)})


def _head(mail: Mail, wording: Wording) -> dict[str, Any]:
    return {
        "template": mail,
        "channel": CATALOGUE[mail].channel,
        "subject": wording.template.subject or None,
        "customized": wording.customized_at is not None,
        "customized_at": wording.customized_at,
    }


def _default(mail: Mail, language: Language) -> DefaultWording:
    default = default_template(mail, language)
    return DefaultWording(subject=default.subject or None, body=default.body)


def _placeholders(mail: Mail, language: Language, *, reader: Language) -> list[PlaceholderShown]:
    return [
        PlaceholderShown(
            name=placeholder.name,
            written=placeholder.written,
            meaning=placeholder.meaning[reader],
            sample=placeholder.sample[language],
            required=placeholder in CATALOGUE[mail].required,
        )
        for placeholder in CATALOGUE[mail].placeholders
    ]


def _etag(wording: Wording) -> str:
    customized_at = wording.customized_at.isoformat() if wording.customized_at else None
    return etag(wording.template.subject, wording.template.body, customized_at)
