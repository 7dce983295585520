"""Reading UTM addition applications: staff the tenant's, portal users their company's (ADD-03).

Sending and deciding them is `api/utm_addition.py`.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel
from sqlalchemy import Row, select

from activities.records import tenant_row
from api.application_search import ALL, Columns, CompanyNameQuery, NumberQuery, Search, states_of
from api.applications import Warned
from api.authentication import SignedInPortalUser, Staff
from api.context import Shared
from api.etags import etag
from api.pages.application_entries import Entries, without_house_number
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.periods import PeriodQuery
from models.messages.procedure import Identity
from models.refusals import NotFound
from models.tables.applications import UtmAddition as Additions
from models.tables.customers import Customer as Customers
from models.vocabulary import AdditionState, ProcedureKind

router = APIRouter(tags=["UTM additions"])
_TABLE = Additions.__table__
_COMPANY_NAME = Customers.__table__.c.company_name
_COLUMNS = Columns(_TABLE.c.submitted_at, _TABLE.c.state, _TABLE.c.application_number, _COMPANY_NAME)
_PREFIX = "utm_destinations.0."


class OwnAddition(BaseModel):
    """As the company's own people see it. The names are the applicant's when they applied."""

    application_number: str
    state: AdditionState
    last_name: str
    first_name: str
    destination: dict[str, Any]
    submitted_at: datetime
    decided_at: datetime | None


class AdditionListed(BaseModel):
    """The names and the address are the applicant's when they applied; `company_name` is today's."""

    application_number: str
    state: AdditionState
    customer_id: str
    company_name: str
    last_name: str
    first_name: str
    mail_address: str
    quantity: int
    submitted_at: datetime
    decided_at: datetime | None


class Addition(AdditionListed):
    """`destination` as it was sent; `user_id` is the applicant's, who may have been deleted since."""

    destination: dict[str, Any]
    user_id: str
    language: str
    decided_by: str | None
    procedure_id: str
    warnings: list[Warned]


def _search(
    period: PeriodQuery,
    status: Annotated[
        str, Query(description="without it, what is unapproved", json_schema_extra={"enum": [*AdditionState, ALL]})
    ] = "",
    number: NumberQuery = None,
    company_name: CompanyNameQuery = None,
) -> Search[AdditionState]:
    states = states_of(status, AdditionState, unasked=(AdditionState.UNAPPROVED,))
    return Search(period, states, number, company_name)


SearchQuery = Annotated[Search[AdditionState], Depends(_search)]


@router.get("/v1/tenants/{tenant_id}/utm-additions")
async def find_all(
    tenant_id: str, context: Shared, staff: Staff, search: SearchQuery, paging: PagingQuery
) -> Page[AdditionListed]:
    """Those of a period, newest first; the unapproved unless a status is named (ADD-03). Sorts by `submitted_at`."""
    order = resolve_order(paging.sort, {"submitted_at": _TABLE.c.submitted_at}, default="-submitted_at")
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id)
        query = _with_company().where(_TABLE.c.tenant_id == tenant_id, *search.conditions(_COLUMNS, tenant.time_zone))
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.application_number, paging=paging)
    return rows.page(lambda row: AdditionListed(**_columns(row)))


@router.get("/v1/tenants/{tenant_id}/utm-additions/{number}")
async def read(tenant_id: str, number: str, context: Shared, staff: Staff, response: Response) -> Addition:
    """As it was sent, whose it is, what became of it, and whether its address seems to lack a house number."""
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            _with_company().where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.application_number == number)
        )
        row = found.first()
    if row is None:
        raise NotFound
    response.headers["ETag"] = etag(number, row.state)
    return Addition(
        **_columns(row),
        procedure_id=Identity.of(ProcedureKind.UTM_ADDITION, tenant_id, number).procedure_id,
        warnings=_warnings(row.destination),
    )


@router.get("/v1/customers/{customer_id}/utm-additions")
async def find_own(
    customer_id: str, context: Shared, user: SignedInPortalUser, paging: PagingQuery
) -> Page[OwnAddition]:
    """One's own company's, in whatever state, newest first. Sorts by `submitted_at`."""
    order = resolve_order(paging.sort, {"submitted_at": _TABLE.c.submitted_at}, default="-submitted_at")
    query = select(_TABLE).where(_TABLE.c.tenant_id == user.tenant_id, _TABLE.c.customer_id == customer_id)
    async with context.database.transaction(user.tenant_id) as connection:
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.application_number, paging=paging)
    return rows.page(lambda row: OwnAddition.model_validate(row, from_attributes=True))


def _with_company() -> Any:  # noqa: ANN401 - a Select with a type argument for each of its columns
    whose = (Customers.tenant_id == Additions.tenant_id) & (Customers.customer_id == Additions.customer_id)
    return select(_TABLE, _COMPANY_NAME).join(Customers, whose)


def _columns(row: Row[Any]) -> dict[str, Any]:
    return {**row._asdict(), "quantity": row.destination["quantity"]}


def _warnings(destination: dict[str, Any]) -> list[Warned]:
    doubtful = without_house_number(Entries(utm_destinations=[destination]))
    fields = [field.removeprefix(_PREFIX) for field in doubtful if field.startswith(_PREFIX)]
    return [Warned(field=f"destination.{field}", code="no_house_number") for field in fields]
