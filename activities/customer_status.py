"""A customer follows its contracts by itself: its status, and until when its people get in (CUS-03, CAN-05)."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from models import audit
from models.audit import Fact
from models.contracts import last_day_of
from models.durations import Durations
from models.messages.procedure import Step
from models.refusals import NotFound
from models.rules.cancellation import portal_closes_at
from models.rules.customer_deletion import customer_status
from models.rules.periods import day_of
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.vocabulary import CustomerStatus


async def expect_customer(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """Raises: NotFound: the tenant has no such customer, or no longer."""
    if await _locked_status(connection, tenant_id, customer_id) is None:
        raise NotFound


async def _locked_status(connection: AsyncConnection, tenant_id: str, customer_id: str) -> str | None:
    """Two contracts of one customer change its status one after the other. None: there is none, or no longer."""
    found = await connection.execute(
        select(Customer.status)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return found.scalar_one_or_none()


async def follow_contracts(connection: AsyncConnection, message: Step, customer_id: str, durations: Durations) -> None:
    """After any change of one of its contracts, in the same transaction; a customer that is deleted follows nothing."""
    tenant_id, at = message.identity.tenant_id, message.at
    before = await _locked_status(connection, tenant_id, customer_id)
    if before is None:
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
    if status != before:
        await audit.record(connection, _change(message, customer_id, before, status))


def _change(message: Step, customer_id: str, before: str, status: CustomerStatus) -> Fact:
    """The customer's, not the contract's: it stands in no timeline."""
    return Fact(
        tenant_id=message.identity.tenant_id,
        at=message.at,
        actor=message.actor,
        what="customer_status_changed",
        subject=customer_id,
        detail={"from": before, "to": status},
    )
