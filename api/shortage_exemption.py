"""The operator leaves a customer out of the contract-shortage notice (SET-09)."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, StrictBool
from sqlalchemy import update

from api.authentication import Operator
from api.context import Shared
from api.customers import customer_row
from api.etags import IfMatch, check_if_match, etag
from models import audit
from models.audit import Fact
from models.fields import Input
from models.tables.customers import Customer

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/shortage-exemption", tags=["Customers"])


class ExemptionInput(Input):
    exempt: StrictBool


class Exemption(BaseModel):
    customer_id: str
    exempt: StrictBool


@router.put("")
async def exempt(
    tenant_id: str,
    customer_id: str,
    body: ExemptionInput,
    context: Shared,
    operator: Operator,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> Exemption:
    """Leave it out from the next notice on, or take it in again. What it is already changes nothing."""
    async with context.database.transaction(tenant_id) as connection:
        row = await customer_row(connection, tenant_id, customer_id, locked=True)
        check_if_match(if_match, etag(row.version))
        version = row.version
        if row.shortage_exempt != body.exempt:
            version = await connection.scalar(
                update(Customer)
                .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
                .values(shortage_exempt=body.exempt, version=Customer.version + 1)
                .returning(Customer.version)
            )
            fact = Fact(
                tenant_id=tenant_id,
                at=await context.clock.now(),
                actor=operator.actor,
                what="shortage_exemption_changed",
                subject=customer_id,
                detail={"exempt": body.exempt},
            )
            await audit.record(connection, fact)
    response.headers["ETag"] = etag(version)
    return Exemption(customer_id=customer_id, exempt=body.exempt)
