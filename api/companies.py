"""Finding a company across the tenants of a person (FND-01, FND-02)."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import func, select

from api.authentication import SignedIn
from api.context import Shared
from models.fields import CompanyName, PhoneNumber
from models.refusals import FieldError, InvalidInput
from models.tables.customers import Customer
from models.tables.people import StaffMember
from models.tables.tenants import Tenant
from models.vocabulary import SignupState, TenantState

router = APIRouter(prefix="/v1/companies", tags=["Companies"])
_AT_MOST = 10


class CompanyFound(BaseModel):
    tenant_id: str
    tenant_name: str
    customer_id: str
    company_name: str


class CompaniesFound(BaseModel):
    """At most 10 `items`; `more` says that `total` is larger, and the search worth narrowing."""

    items: list[CompanyFound]
    total: int
    more: bool


@router.get("")
async def find(
    context: Shared,
    person: SignedIn,
    company_name: Annotated[CompanyName | None, Query(description="a part of it, in any case")] = None,
    phone_number: Annotated[PhoneNumber | None, Query(description="exactly, digits")] = None,
) -> CompaniesFound:
    """Companies of every open tenant that the person is staff of, by name; by both when both are given."""
    if company_name is None and phone_number is None:
        raise InvalidInput(errors=[FieldError("company_name", "required"), FieldError("phone_number", "required")])
    mine = (StaffMember.person_id == person.person_id) & (StaffMember.signup_state == SignupState.REGISTERED)
    query = (
        select(Customer.tenant_id, Tenant.name.label("tenant_name"), Customer.customer_id, Customer.company_name)
        .join(Tenant, Tenant.tenant_id == Customer.tenant_id)
        .join(StaffMember, StaffMember.tenant_id == Customer.tenant_id)
        .where(mine, Tenant.state == TenantState.ACTIVE, Customer.deleted_at.is_(None))
    )
    if company_name is not None:
        query = query.where(Customer.company_name.icontains(company_name, autoescape=True))
    if phone_number is not None:
        query = query.where(Customer.phone_number == phone_number)
    async with context.database.transaction(person_id=person.person_id) as connection:
        total = await connection.scalar(select(func.count()).select_from(query.subquery())) or 0
        rows = await connection.execute(query.order_by(Customer.company_name, Customer.customer_id).limit(_AT_MOST))
        items = [CompanyFound.model_validate(row, from_attributes=True) for row in rows]
    return CompaniesFound(items=items, total=total, more=total > len(items))
