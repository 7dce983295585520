"""Deleting what nobody needs any longer and no tenant owns."""

from pydantic import BaseModel
from sqlalchemy import delete
from temporalio import activity

from activities.records import Records
from models import idempotent_answers
from models.clock import Clock
from models.tables.people import Session, SignInTry


class Tidied(BaseModel):
    """How many rows there were."""

    sessions: int
    idempotent_answers: int
    sign_in_tries: int


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
            tries = await connection.execute(delete(SignInTry).where(idle))
        return Tidied(sessions=sessions.rowcount, idempotent_answers=answers, sign_in_tries=tries.rowcount)
