"""What stands on a return kit's slip (KIT-02)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from mail_templates.return_slip import Slip
from mail_templates.wording import postal_address
from models.refusals import NotFound
from models.tables.customers import Customer
from models.tables.shipments import ReturnKit
from models.tables.tenants import Tenant
from models.vocabulary import Language


async def find(connection: AsyncConnection, tenant_id: str, procedure_id: str) -> Slip:
    """The slip of the kit with that procedure, by its latest sending and its address as it is now.

    Raises:
        NotFound: there is no such kit.
    """
    found = await connection.execute(
        select(ReturnKit.__table__, Customer.company_name, Tenant.name.label("tenant_name"), Tenant.language)
        .join(Tenant, Tenant.tenant_id == ReturnKit.tenant_id)
        .join(Customer, (Customer.tenant_id == ReturnKit.tenant_id) & (Customer.customer_id == ReturnKit.customer_id))
        .where(ReturnKit.tenant_id == tenant_id, ReturnKit.procedure_id == procedure_id)
    )
    kit = found.first()
    if kit is None:
        raise NotFound
    language = Language(kit.language)
    return Slip(
        tenant_name=kit.tenant_name,
        company_name=kit.company_name,
        contract_number=kit.contract_number,
        utm_id=kit.utm_id,
        address=postal_address(kit.postal_code, kit.address, language),
        shipment_id=kit.shipment_id or kit.procedure_id,
        language=language,
    )
