"""The mails of viewer access, to the person who asked and to the company's administrators (VWR-03, VWR-05).

The token is not in their values: it is made when the mail is printed (`activities/letterpress.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import approval_rows
from activities.records import tenant_row
from mail_templates import approval_wording
from mail_templates.wording import day, moment, nothing, recipient_name
from models.approval_refusals import NoAdministrators
from models.approval_vocabulary import ApprovalState
from models.messages.procedure import Step
from models.outbox import Letter
from models.rules.periods import day_of
from models.tables.approvals import Approval
from models.tables.customers import Customer
from models.vocabulary import Language, Mail


@dataclass(frozen=True)
class _Told:
    company_name: str
    zone: str
    language: Language


async def send_token(connection: AsyncConnection, step: Step, viewer: Row[Any]) -> None:
    told = await _told(connection, viewer)
    values = {
        "CompanyName": told.company_name,
        "RecipientName": recipient_name(viewer.name, told.language),
        "PCName": viewer.pc_name,
        "Deadline": moment(viewer.token_expires_at, told.zone, told.language),
        "viewer_id": viewer.viewer_id,  # what the token is made of, when the mail is
    }
    await approval_rows.post(connection, step, [_letter(Mail.VIEWER_TOKEN, viewer.mail_address, values, told.language)])


async def refuse(connection: AsyncConnection, step: Step, viewer: Row[Any], outcome: ApprovalState) -> None:
    """Without a word of whom was asked: whoever guessed a company's code learns no names."""
    language = (await _told(connection, viewer)).language
    reason = await connection.scalar(
        select(Approval.decision_reason).where(
            Approval.tenant_id == viewer.tenant_id, Approval.procedure_id == step.identity.procedure_id
        )
    )
    values = {
        "RecipientName": recipient_name(viewer.name, language),
        "PCName": viewer.pc_name,
        "Outcome": approval_wording.outcome(outcome, language),
        "DecisionReason": reason or nothing(language),
    }
    await approval_rows.post(connection, step, [_letter(Mail.VIEWER_REFUSED, viewer.mail_address, values, language)])


async def warn(connection: AsyncConnection, step: Step, viewer: Row[Any], *, ends_at: datetime) -> None:
    """To the person, who can use it again, and to the administrators."""
    told = await _told(connection, viewer)
    try:
        candidates = await approval_rows.administrators(connection, viewer.tenant_id, viewer.customer_id)
    except NoAdministrators:
        candidates = []
    values = {
        "CompanyName": told.company_name,
        "UserName": viewer.name,
        "PCName": viewer.pc_name,
        "LastUsedOn": day(day_of(viewer.last_used_at, told.zone), told.language),
        "EndsOn": day(day_of(ends_at, told.zone), told.language),
    }
    addresses = dict.fromkeys([viewer.mail_address, *(candidate.mail_address for candidate in candidates)])
    mails = [_letter(Mail.VIEWER_UNUSED, address, values, told.language) for address in addresses]
    await approval_rows.post(connection, step, mails)


def _letter(mail: Mail, recipient: str, values: dict[str, str], language: Language) -> Letter:
    return Letter(mail=mail, recipient=recipient, language=language, values=values)


async def _told(connection: AsyncConnection, viewer: Row[Any]) -> _Told:
    name = await connection.scalar(
        select(Customer.company_name).where(
            Customer.tenant_id == viewer.tenant_id, Customer.customer_id == viewer.customer_id
        )
    )
    tenant = await tenant_row(connection, viewer.tenant_id)
    return _Told(name or "", tenant.time_zone, Language(tenant.language))
