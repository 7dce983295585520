"""Signing in and out (AUT-01, AUT-05)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import delete, insert, select, update

from api.authentication import SignedIn
from api.context import Context, Shared
from api.credentials import Proven, prove
from api.idempotency import PostedRequest
from api.me import Me, shown
from api.rate_limits import per_client
from models.fields import Input, MailAddress
from models.idempotent_answers import Kept
from models.identifiers import digest, secret_token
from models.persons import Memberships, memberships
from models.refusals import InvalidCredentials, TenantSuspended
from models.tables.people import Person, PortalUser, Session, StaffMember

router = APIRouter(prefix="/v1/sessions", tags=["Sign-in"])


class Credentials(Input):
    mail_address: MailAddress
    password: Annotated[str, Field(min_length=1, max_length=1000)]
    totp: Annotated[str | None, Field(max_length=10, description="Taken and not asked for yet.")] = None


class SignedInAnswer(Me):
    """`token` is the bearer of what follows; a person of several tenants chooses one by its path."""

    token: str
    expires_at: datetime


@router.post("", status_code=201, response_model=SignedInAnswer, dependencies=[per_client("sign_in_per_client")])
async def sign_in(body: Credentials, context: Shared, posted: PostedRequest) -> Response:
    """Open a session of 12 hours. Ten wrong passwords in a row lock the address for an hour, known or not.

    Tenants that are suspended are left out; who is staff of no other, and nobody's portal user, is refused.
    """
    once = await posted.by(posted.client)
    proven = await prove(context, body.mail_address, body.password)
    answer = await _open(context, proven)
    await _freshen_hash(context, proven, body.password)
    return await once.answer(answer, status=201, location="/v1/me", kept=Kept(is_secret=True))


@router.delete("/current", status_code=204)
async def sign_out(context: Shared, person: SignedIn) -> None:
    async with context.database.transaction() as connection:
        await connection.execute(delete(Session).where(Session.token_digest == person.token_digest))


async def _open(context: Context, proven: Proven) -> SignedInAnswer:
    """Raises: InvalidCredentials: nothing to sign in to, or the password has just been changed. TenantSuspended."""
    now = await context.clock.now()
    token, expires_at = secret_token(), now + context.settings.durations.session
    async with context.database.transaction(person_id=proven.person_id) as connection:
        current = await connection.execute(
            select(Person.password_hash).where(Person.person_id == proven.person_id).with_for_update(read=True)
        )
        belongs = await memberships(connection, proven.person_id, at=now)
        if not belongs or current.scalar_one() != proven.password_hash:
            raise InvalidCredentials
        if not belongs.portal and all(membership.suspended for membership in belongs.staff):
            raise TenantSuspended
        mine = Session.person_id == proven.person_id
        await connection.execute(delete(Session).where(mine, Session.expires_at <= now))
        await connection.execute(
            insert(Session).values(
                token_digest=digest(token), person_id=proven.person_id, created_at=now, expires_at=expires_at
            )
        )
        me = await shown(context, connection, proven.person_id, belongs, at=now)
    await _note(context, proven.person_id, belongs, now)
    return SignedInAnswer(**me.model_dump(), token=token, expires_at=expires_at)


async def _note(context: Context, person_id: str, belongs: Memberships, now: datetime) -> None:
    """When the person was last seen, for each tenant to read in its own rows."""
    for tenant_id in belongs.tenant_ids:
        async with context.database.transaction(tenant_id) as connection:
            for table in (StaffMember, PortalUser):
                await connection.execute(
                    update(table)
                    .where(table.tenant_id == tenant_id, table.person_id == person_id)
                    .values(last_sign_in_at=now)
                )


async def _freshen_hash(context: Context, proven: Proven, password: str) -> None:
    if not context.passwords.is_outdated(proven.password_hash):
        return
    fresh = await context.passwords.hash(password)
    async with context.database.transaction() as connection:
        await connection.execute(
            update(Person)
            .where(Person.person_id == proven.person_id, Person.password_hash == proven.password_hash)
            .values(password_hash=fresh)
        )
