"""A customer follows its contracts by itself: its status, and until when its people get in (CUS-03, CAN-05)."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from models.contracts import last_day_of
from models.durations import Durations
from models.refusals import NotFound
from models.rules.cancellation import portal_closes_at
from models.rules.customer_deletion import customer_status
from models.rules.periods import day_of
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.vocabulary import CustomerStatus


async def expect_customer(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """Raises: NotFound: the tenant has no such customer, or no longer."""
    if not await _lock(connection, tenant_id, customer_id):
        raise NotFound


async def _lock(connection: AsyncConnection, tenant_id: str, customer_id: str) -> bool:
    """Two contracts of one customer change its status one after the other. False: there is none, or no longer."""
    found = await connection.execute(
        select(Customer.customer_id)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return found.first() is not None


async def follow_contracts(
    connection: AsyncConnection, tenant_id: str, customer_id: str, *, at: datetime, durations: Durations
) -> None:
    """After any change of one of its contracts, in the same transaction; a customer that is deleted follows nothing."""
    if not await _lock(connection, tenant_id, customer_id):
        return
    zone = (await tenant_row(connection, tenant_id)).time_zone
    contracts = await connection.execute(
        select(Contract.__table__).where(Contract.tenant_id == tenant_id, Contract.customer_id == customer_id)
    )
    last_days = [last_day_of(contract) for contract in contracts]
    status = customer_status(last_days, day_of(at, zone))
    ends = [last_day for last_day in last_days if last_day is not None]
    closing = portal_closes_at(max(ends), zone, durations.portal_closing) if ends else None
    await connection.execute(
        update(Customer)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
        .values(status=status, portal_closes_at=closing if status is CustomerStatus.CANCELLED else None)
    )
