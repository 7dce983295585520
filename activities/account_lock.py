"""The account lock's step in the database: tell its person, once a lock."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.records import Records, fact_of, tenant_row
from mail_templates.wording import length_of_time
from models import outbox, procedures, sign_in_tries
from models.messages.account_lock_steps import RecordLock
from models.messages.procedure import Answer
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.refusals import NotFound
from models.tables.people import Person
from models.vocabulary import Language, LockState, Mail


class AccountLockActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_account_lock(self, message: RecordLock) -> Answer:
        """Mail the person that the account is locked; nothing when the lock was given up before it was made.

        The workflow is started before the lock is committed, so this waits for that to be settled.

        Raises:
            NotFound: the person has been erased meanwhile.
        """
        notice = message.notice
        async with self._records.database.transaction() as connection:
            if await sign_in_tries.latest_lock(connection, notice.address_digest) != message.identity.subject:
                return Answer(state=LockState.NOT_LOCKED)

        async def work(connection: AsyncConnection) -> Answer:
            identity = message.identity
            address = await connection.scalar(select(Person.mail_address).where(Person.person_id == notice.person_id))
            if address is None:
                raise NotFound
            tenant = await tenant_row(connection, identity.tenant_id)
            letter = self._letter(address, Language(tenant.language))
            posting = Posting(
                tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=message.step, at=message.at
            )
            await procedures.begin(
                connection,
                Beginning(
                    tenant_id=identity.tenant_id,
                    procedure_id=identity.procedure_id,
                    kind=identity.kind,
                    subject=identity.subject,
                    started_at=message.at,
                ),
                Standing(state=LockState.LOCKED, ended_at=message.at),
            )
            await outbox.post(connection, posting, [letter])
            return Answer(state=LockState.LOCKED)

        return await self._records.once(fact_of(message, "account_locked"), Answer, work)

    def _letter(self, mail_address: str, language: Language) -> Letter:
        values = {
            "MailAddress": mail_address,
            "LockDuration": length_of_time(self._records.durations.account_lock, language),
        }
        return Letter(mail=Mail.ACCOUNT_LOCKED, recipient=mail_address, language=language, values=values)
