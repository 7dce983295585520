"""Forgotten passwords: asked for by anyone, reset by a mailed link or an SMS code (AUT-04).

Whatever the address, the answer and what is done for it are alike: only the mailbox or the mobile phone tells.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.credentials import NO_TENANT
from api.idempotency import PostedRequest
from api.rate_limits import Limiter, per_client
from models import links
from models.common_passwords import common_passwords
from models.fields import Input, MailAddress, OneTimeCode
from models.messages.password_reset_steps import CompleteReset, ResetStart
from models.messages.procedure import Identity
from models.messages.registration import NewPassword
from models.persons import NOBODY, Memberships, memberships
from models.refusals import (
    FieldError,
    InvalidInput,
    LinkExpired,
    LinkUsed,
    LinkWithdrawn,
    NotFound,
    WrongState,
)
from models.rules.passwords import password_errors
from models.tables.people import PasswordReset as Resets
from models.tables.people import Person
from models.tables.procedures import Link
from models.tables.tenants import Tenant
from models.vocabulary import LinkPurpose, ProcedureKind, ResetChannel
from workflows.password_reset import PasswordReset

router = APIRouter(prefix="/v1/password-resets", tags=["Sign-in"])
MAX_CODES = 5
"""So many codes may be tried for one reset."""


class ResetRequest(Input):
    mail_address: MailAddress
    channel: ResetChannel = ResetChannel.MAIL


class Accepted(BaseModel):
    state: Literal["accepted"] = "accepted"


class Redemption(NewPassword):
    mail_address: MailAddress
    code: OneTimeCode


@dataclass(frozen=True, kw_only=True)
class OpenReset:
    """A reset by mail that can be completed, as its page shows it."""

    tenant_id: str
    tenant_name: str
    time_zone: str
    language: str
    link_id: str
    reset_id: str
    mail_address: str
    deadline: datetime


@router.post("", status_code=202, response_model=Accepted, dependencies=[per_client("password_reset_per_client")])
async def request(body: ResetRequest, context: Shared, limiter: Limiter, posted: PostedRequest) -> Response:
    """Mail a link, or send a code to a portal user's mobile number. The answer is always the same.

    A code goes only to who is no staff, and a portal user of one tenant alone: its staff enter the number.
    """
    once = await posted.by(posted.client)
    await limiter.take("password_reset_per_address", body.mail_address)
    person_id, belongs = await _account(context, body.mail_address)
    tenant_id, user_id = _destination(belongs, body.channel)
    start = ResetStart(
        identity=Identity.of(ProcedureKind.PASSWORD_RESET, tenant_id or NO_TENANT, once.draw().opaque_id()),
        channel=body.channel,
        person_id=person_id if tenant_id else None,
        user_id=user_id,
    )
    await context.commands.begin(PasswordReset.run, start, start.identity, summary="Password reset")
    return await once.answer(Accepted(), status=202)


@router.post("/redeem", status_code=204, dependencies=[per_client("password_reset_per_client")])
async def redeem(body: Redemption, context: Shared, posted: PostedRequest) -> Response:
    """Set a new password with the code of an SMS. Five codes may be tried; sessions and a lock end."""
    once = await posted.by(posted.client)
    _refuse_bad_password(body.password, body.password_confirmation, body.mail_address)
    identity = await _redeemable(context, body)
    command = CompleteReset(
        command_id=identity.subject,
        actor="person",
        password_hash=await context.passwords.hash(body.password),
    )
    try:
        await context.commands.send(identity, PasswordReset.complete, command)
    except (ProcedureGoneError, WrongState, LinkUsed, LinkExpired, LinkWithdrawn):
        raise _wrong_code() from None
    return await once.answer(None, status=204)


async def reset_of(context: Context, token: str) -> OpenReset:
    """What the page behind the link shows.

    Raises:
        NotFound: no such link, or one for another purpose. LinkUsed, LinkExpired.
        LinkWithdrawn: ended by an operator, or the password has been changed since.
    """
    tenant_id = links.tenant_of(token)
    if tenant_id is None:
        raise NotFound
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        link = await links.find(connection, token)
        if link is None or link.purpose != LinkPurpose.PASSWORD_RESET:
            raise NotFound
        links.refuse_dead(link, now)
        return await _open_reset(connection, link)


async def complete_reset(context: Context, token: str, fields: Mapping[str, str]) -> OpenReset:
    """Set the password of the page's form. Pressed twice it is done once, and answered alike.

    Raises:
        InvalidInput: names every wrong field. And what `reset_of` raises.
        NotDoneYetError: accepted, not recorded yet. Unavailable: nothing was taken.
    """
    reset = await reset_of(context, token)
    password = fields.get("password", "")
    _refuse_bad_password(password, fields.get("password_confirmation", ""), reset.mail_address)
    command = CompleteReset(
        command_id=reset.link_id,
        actor="person",
        password_hash=await context.passwords.hash(password),
        link_id=reset.link_id,
    )
    try:
        await context.commands.send(
            Identity.of(ProcedureKind.PASSWORD_RESET, reset.tenant_id, reset.reset_id), PasswordReset.complete, command
        )
    except ProcedureGoneError:
        # It ended between the look and the command; the link says how.
        await reset_of(context, token)
        raise LinkWithdrawn from None
    return reset


async def _open_reset(connection: AsyncConnection, link: Row[tuple[Link]]) -> OpenReset:
    found = await connection.execute(
        select(
            Tenant.name.label("tenant_name"),
            Tenant.time_zone,
            Tenant.language,
            Person.mail_address,
            (Person.password_changed_at > Resets.requested_at).label("outdated"),
        )
        .select_from(Resets)
        .join(Tenant, Tenant.tenant_id == Resets.tenant_id)
        .join(Person, Person.person_id == Resets.person_id)
        .where(Resets.tenant_id == link.tenant_id, Resets.reset_id == link.subject)
    )
    shown = found.one()._asdict()
    if shown.pop("outdated"):
        raise LinkWithdrawn
    return OpenReset(
        tenant_id=link.tenant_id, link_id=link.link_id, reset_id=link.subject, deadline=link.deadline, **shown
    )


async def _account(context: Context, mail_address: str) -> tuple[str | None, Memberships]:
    """The person of the address, if they have a password. As many questions for nobody's address."""
    async with context.database.transaction() as connection:
        found = await connection.execute(
            select(Person.person_id).where(Person.mail_address == mail_address, Person.password_hash.is_not(None))
        )
        person_id = found.scalar_one_or_none()
    async with context.database.transaction(person_id=person_id or NOBODY) as connection:
        return person_id, await memberships(connection, person_id or NOBODY)


def _destination(belongs: Memberships, channel: ResetChannel) -> tuple[str | None, str | None]:
    """The tenant that sends it, and of an SMS the portal user whose number it goes to."""
    if channel is ResetChannel.MAIL:
        return belongs.home, None
    phone = belongs.phone
    return (phone.tenant_id, phone.user_id) if phone else (None, None)


async def _redeemable(context: Context, body: Redemption) -> Identity:
    """The reset that the code belongs to. Counts the code before it is looked at.

    Raises:
        InvalidInput: wrong, too late, tried too often, or of somebody who has become more than a portal user of that
            tenant: nobody learns which.
    """
    person_id, belongs = await _account(context, body.mail_address)
    async with context.database.transaction(person_id=person_id or NOBODY) as connection:
        tenant_id, reset_id = await _latest_by_sms(connection, person_id or NOBODY)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        counted = await connection.execute(
            update(Resets)
            .where(
                Resets.tenant_id == tenant_id,
                Resets.reset_id == reset_id,
                Resets.used_at.is_(None),
                Resets.expires_at > now,
                Resets.codes_tried < MAX_CODES,
            )
            .values(codes_tried=Resets.codes_tried + 1)
        )
    fits = hmac.compare_digest(context.link_key.sms_code(reset_id).encode(), body.code.encode())
    if counted.rowcount != 1 or not fits or not belongs.takes_codes_of(tenant_id):
        raise _wrong_code()
    return Identity.of(ProcedureKind.PASSWORD_RESET, tenant_id, reset_id)


async def _latest_by_sms(connection: AsyncConnection, person_id: str) -> tuple[str, str]:
    """Tenant and id of the person's latest reset by SMS, in the person's own transaction."""
    found = await connection.execute(
        select(Resets.tenant_id, Resets.reset_id)
        .where(Resets.person_id == person_id, Resets.channel == ResetChannel.SMS)
        .order_by(Resets.requested_at.desc())
        .limit(1)
    )
    row = found.first()
    return (row.tenant_id, row.reset_id) if row else (NO_TENANT, NOBODY)


def _refuse_bad_password(password: str, confirmation: str, mail_address: str) -> None:
    if errors := password_errors(password, confirmation, mail_address=mail_address, common=common_passwords()):
        raise InvalidInput(errors=errors)


def _wrong_code() -> InvalidInput:
    return InvalidInput(errors=[FieldError("code", "wrong_code")])
