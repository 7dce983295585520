"""The contract-shortage notice's steps in the database: one notice a tenant and day (SET-09)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.records import Records, tenant_row
from models import audit, outbox, procedures
from models.audit import Fact
from models.contract_shortage import under_contracted
from models.messages.contract_shortage_steps import RecordShortages, ShortageNotices, TenantsInZone
from models.messages.procedure import Identity
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.rules.periods import day_of
from models.tables.tenants import Tenant
from models.vocabulary import Mail, ProcedureKind, ShortageState

_STEP = "notice"


class ContractShortageActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def find_tenants_in_zone(self, time_zone: str) -> TenantsInZone:
        async with self._records.database.transaction(operator=True) as connection:
            found = await connection.execute(
                select(Tenant.tenant_id).where(Tenant.time_zone == time_zone).order_by(Tenant.tenant_id)
            )
            return TenantsInZone(tenant_ids=tuple(found.scalars()))

    @activity.defn
    async def record_shortage_notices(self, message: RecordShortages) -> ShortageNotices:
        """A transaction for each tenant; a notice that is there already is given again, for its mails' sake."""
        notices = [await self._notice(tenant_id, message) for tenant_id in message.tenant_ids]
        return ShortageNotices(notices=tuple(notice for notice in notices if notice is not None))

    async def _notice(self, tenant_id: str, message: RecordShortages) -> Identity | None:
        async with self._records.database.transaction(tenant_id) as connection:
            tenant = await tenant_row(connection, tenant_id)
            today = day_of(message.at, tenant.time_zone)
            identity = Identity.of(ProcedureKind.CONTRACT_SHORTAGE, tenant_id, today.isoformat())
            fact = _fact(identity, message)
            if await audit.earlier_answer(connection, fact) is not None:
                return identity
            customer_ids = await under_contracted(connection, tenant, today)
            addresses = await outbox.notification_addresses(connection, tenant_id)
            if not customer_ids or not addresses:
                return None
            await _begin(connection, identity, message)
            values = {"CustomerCount": str(len(customer_ids)), "CustomerIDs": ", ".join(customer_ids)}
            letters = [
                Letter(mail=Mail.CONTRACT_SHORTAGE, recipient=address, language=tenant.language, values=values)
                for address in addresses
            ]
            posting = Posting(tenant_id=tenant_id, procedure_id=identity.procedure_id, step=_STEP, at=message.at)
            await outbox.post(connection, posting, letters)
            await audit.record(connection, fact)
            return identity


async def _begin(connection: AsyncConnection, identity: Identity, message: RecordShortages) -> None:
    beginning = Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=identity.kind,
        subject=identity.subject,
        started_at=message.at,
    )
    await procedures.begin(connection, beginning, Standing(state=ShortageState.TOLD, ended_at=message.at))


def _fact(identity: Identity, message: RecordShortages) -> Fact:
    return Fact(
        tenant_id=identity.tenant_id,
        at=message.at,
        actor="system",
        what="contract_shortage_told",
        subject=identity.subject,
        procedure_id=identity.procedure_id,
        step=_STEP,
    )
