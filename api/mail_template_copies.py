"""Copying templates to the person's other tenants (TPL-05)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import tenant_templates
from activities.records import tenant_row
from activities.tenant_templates import Wording
from api.authentication import Caller, Staff
from api.context import Context, Shared
from api.idempotency import PostedRequest
from models import audit
from models.audit import Fact
from models.fields import Input
from models.refusals import FieldError, Forbidden, InvalidInput, NotFound
from models.tables.people import StaffMember
from models.tables.tenants import Tenant
from models.vocabulary import TENANT_TEMPLATES, Language, Mail, SignupState, TenantState

router = APIRouter(prefix="/v1/tenants/{tenant_id}/mail-templates", tags=["Mail templates"])


class CopyInput(Input):
    templates: Annotated[
        list[Annotated[str, Field(json_schema_extra={"enum": list(TENANT_TEMPLATES)})]],
        Field(min_length=1, max_length=len(TENANT_TEMPLATES)),
    ]
    tenants: Annotated[list[str], Field(min_length=1, max_length=100)]


class Outcome(StrEnum):
    """`reset`: the template is the default here, so it has become the default there."""

    COPIED = "copied"
    RESET = "reset"
    UNCHANGED = "unchanged"


class Copied(BaseModel):
    tenant_id: str
    tenant_name: str
    template: Mail
    outcome: Outcome


class CopyReport(BaseModel):
    items: list[Copied]


@dataclass(frozen=True)
class Target:
    tenant_id: str
    name: str
    language: Language


@dataclass(frozen=True)
class Original:
    mail: Mail
    wording: Wording


@router.post("/copy", response_model=CopyReport)
async def copy(tenant_id: str, body: CopyInput, context: Shared, staff: Staff, posted: PostedRequest) -> Response:
    """Make the chosen templates of the chosen tenants what they are here, customized or default.

    For people only: an API key is of one tenant.
    """
    once = await posted.by(staff.actor)
    mails = _mails(body)
    targets = await _targets(context, staff, body)
    async with context.database.transaction(tenant_id) as connection:
        language = Language((await tenant_row(connection, tenant_id)).language)
        wordings = await tenant_templates.wordings(connection, tenant_id, mails, language=language)
    originals = [Original(mail, wording) for mail, wording in zip(mails, wordings, strict=True)]
    now = await context.clock.now()
    copied: list[Copied] = []
    for target in targets:
        async with context.database.transaction(target.tenant_id) as connection:
            await tenant_row(connection, target.tenant_id, locked=True)
            copied += [await _copy(connection, target, original, by=staff.actor, at=now) for original in originals]
    return await once.answer(CopyReport(items=copied))


def _mails(body: CopyInput) -> list[Mail]:
    """Raises: InvalidInput: naming every name that is none of the thirteen."""
    choices = ", ".join(TENANT_TEMPLATES)
    errors = [
        FieldError(f"templates.{index}", "unknown_choice", {"choices": choices})
        for index, name in enumerate(body.templates)
        if name not in TENANT_TEMPLATES
    ]
    if errors:
        raise InvalidInput(errors=errors)
    return [Mail(name) for name in dict.fromkeys(body.templates)]


async def _targets(context: Context, caller: Caller, body: CopyInput) -> list[Target]:
    """The tenants to copy to, in the order asked for.

    Raises:
        Forbidden: the caller is no person.
        NotFound: naming every tenant that the person does not belong to, whether it exists or not (GEN-05).
    """
    if caller.person_id is None:
        raise Forbidden
    async with context.database.transaction(person_id=caller.person_id) as connection:
        found = await connection.execute(
            select(Tenant.tenant_id, Tenant.name, Tenant.language)
            .join(StaffMember, StaffMember.tenant_id == Tenant.tenant_id)
            .where(StaffMember.person_id == caller.person_id, StaffMember.signup_state == SignupState.REGISTERED)
            .where(Tenant.state == TenantState.ACTIVE)
        )
        own = {row.tenant_id: Target(row.tenant_id, row.name, Language(row.language)) for row in found}
    errors = [
        FieldError(f"tenants.{index}", "unknown_choice", {"choices": ", ".join(sorted(own))})
        for index, tenant_id in enumerate(body.tenants)
        if tenant_id not in own
    ]
    if errors:
        raise NotFound(errors=errors)
    return [own[tenant_id] for tenant_id in dict.fromkeys(body.tenants)]


async def _copy(connection: AsyncConnection, target: Target, original: Original, *, by: str, at: datetime) -> Copied:
    """Neither side's audit log names the other tenant: its other staff may not know of it (GEN-05)."""
    outcome = await _take_over(connection, target, original, by=by, at=at)
    if outcome is not Outcome.UNCHANGED:
        fact = Fact(tenant_id=target.tenant_id, at=at, actor=by, what=f"mail_template_{outcome}", subject=original.mail)
        await audit.record(connection, fact)
    return Copied(tenant_id=target.tenant_id, tenant_name=target.name, template=original.mail, outcome=outcome)


async def _take_over(
    connection: AsyncConnection, target: Target, original: Original, *, by: str, at: datetime
) -> Outcome:
    wanted, mail = original.wording, original.mail
    if wanted.customized_at is None:
        was_customized = await tenant_templates.reset(connection, target.tenant_id, mail)
        return Outcome.RESET if was_customized else Outcome.UNCHANGED
    present = await tenant_templates.wording(connection, target.tenant_id, mail, language=target.language)
    if present.customized_at is not None and present.template == wanted.template:
        return Outcome.UNCHANGED
    await tenant_templates.customize(connection, target.tenant_id, mail, text=wanted.template, by=by, at=at)
    return Outcome.COPIED
