"""Deleting what nobody needs any longer and no tenant owns."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Row, delete, select, update
from temporalio import activity

from activities.records import Records
from models import idempotent_answers, persons
from models.clock import Clock
from models.erasure import erase_account_mails
from models.tables.people import Person, PortalUser, Session, SignInTry
from models.tables.tenants import Tenant
from models.vocabulary import SignupState

_AT_ONCE = 200
_SECONDS_FOR_PEOPLE = 8
"""Within the patience for a step; whoever is left is looked at the next night."""


class Tidied(BaseModel):
    """How many rows there were."""

    sessions: int
    idempotent_answers: int
    sign_in_tries: int
    persons: int = 0


class HousekeepingActivities:
    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    @activity.defn
    async def tidy_up(self) -> Tidied:
        now = await self._clock.now()
        durations = self._records.durations
        idle = SignInTry.last_try_at <= now - durations.sign_in_tries_kept
        async with self._records.database.transaction() as connection:
            sessions = await connection.execute(delete(Session).where(Session.expires_at <= now))
            answers = await idempotent_answers.forget(connection, now - durations.idempotent_answers_kept)
            await idempotent_answers.forget_secrets(connection, now - durations.secret_answers_kept)
            tries = await connection.execute(delete(SignInTry).where(idle))
        return Tidied(
            sessions=sessions.rowcount,
            idempotent_answers=answers,
            sign_in_tries=tries.rowcount,
            persons=await self._forget_strangers(now),
        )

    async def _forget_strangers(self, now: datetime) -> int:
        """Whoever belongs nowhere, however their last membership ended, and whatever died meanwhile (CUS-05)."""
        until, forgotten = asyncio.get_running_loop().time() + _SECONDS_FOR_PEOPLE, 0
        while asyncio.get_running_loop().time() < until:
            async with self._records.database.transaction() as connection:
                adrift = await connection.execute(
                    select(Person.person_id, Person.mail_address)
                    .where(Person.adrift_since <= now - self._records.durations.adrift)
                    .order_by(Person.adrift_since)
                    .limit(_AT_ONCE)
                )
                some = adrift.all()
            if not some:
                break
            forgotten += await self._forget(some, now)
        return forgotten

    async def _forget(self, some: Sequence[Row[str, str]], now: datetime) -> int:
        """Afterwards each of them is gone, belongs somewhere, or is looked at another night."""
        database = self._records.database
        among = await persons.strangers_among(database, [row.person_id for row in some])
        strangers = {row.person_id: row.mail_address for row in some if row.person_id in among}
        if not strangers:
            return 0
        async with database.transaction(operator=True) as connection:
            tenant_ids = (await connection.execute(select(Tenant.tenant_id))).scalars().all()
        awaited = {address for tenant_id in tenant_ids for address in await self._awaited(tenant_id, strangers)}
        forgettable = [person_id for person_id, address in strangers.items() if address not in awaited]
        for tenant_id in tenant_ids:
            async with database.transaction(tenant_id) as connection:
                await erase_account_mails(connection, tenant_id, forgettable)
        forgotten = await persons.forget_strangers(database, forgettable)
        async with database.transaction() as connection:
            left = update(Person).where(Person.person_id.in_(strangers), Person.adrift_since.is_not(None))
            await connection.execute(left.values(adrift_since=now))
        return forgotten

    async def _awaited(self, tenant_id: str, strangers: dict[str, str]) -> set[str]:
        """Who is about to register by a page that may have asked them for no password: they have one (TEN-06)."""
        async with self._records.database.transaction(tenant_id) as connection:
            found = await connection.execute(
                select(PortalUser.mail_address).where(
                    PortalUser.tenant_id == tenant_id,
                    PortalUser.mail_address.in_(strangers.values()),
                    PortalUser.signup_state == SignupState.OPEN,
                )
            )
            return set(found.scalars())
