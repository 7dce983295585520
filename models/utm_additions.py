"""Whether a company's people may apply for more UTMs (ADD-01, SET-01)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.refusals import CompanyNotServed, NotFound, TenantSuspended, UtmAdditionDisabled
from models.tables.customers import Customer
from models.tables.tenants import Tenant
from models.vocabulary import AccountState, CustomerStatus, TenantState


async def refuse_unless_open(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """Until the transaction's end nobody deletes the customer.

    Raises:
        NotFound: there is no such customer, or no longer.
        TenantSuspended, UtmAdditionDisabled, CompanyNotServed.
    """
    found = await connection.execute(
        select(Tenant.state, Tenant.utm_addition_enabled, Customer.status, Customer.account_state)
        .join(Customer, Customer.tenant_id == Tenant.tenant_id)
        .where(Tenant.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None))
        .with_for_update(of=Customer, read=True)
    )
    row = found.first()
    if row is None:
        raise NotFound
    if row.state == TenantState.SUSPENDED:
        raise TenantSuspended
    if not row.utm_addition_enabled:
        raise UtmAdditionDisabled
    if row.account_state == AccountState.SUSPENDED:
        raise CompanyNotServed(state=AccountState.SUSPENDED)
    if row.status == CustomerStatus.CANCELLED:
        raise CompanyNotServed(state=CustomerStatus.CANCELLED)
