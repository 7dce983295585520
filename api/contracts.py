"""A customer's contracts: applied for, listed, shown and changed by staff (CON-01…10)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.contract_rows import contract_row
from activities.records import tenant_row
from api.application_search import NumberQuery
from api.authentication import Staff
from api.context import Context, Shared
from api.contract_input import ContractInput, application_of, further_errors
from api.contract_page import Contract, ContractListed, detailed, identity_of, listed
from api.customers import customer_row
from api.etags import etag
from api.idempotency import Once, PostedRequest
from api.judged_as_a_whole import Body, judged_by
from api.language import language_of
from api.paging import ComparisonsQuery, Page, PagingQuery, compared, fetch_page, resolve_order
from models.messages.contract_steps import ContractStart
from models.refusals import FieldError, NotFound
from models.rules.periods import day_of
from models.tables.contracts import Contract as Contracts
from workflows.contract import Contract as ContractWorkflow

_PREFIX = "/v1/tenants/{tenant_id}/customers/{customer_id}/contracts"


async def _wrong_besides(request: Request, body: Body) -> list[FieldError]:
    """Raises: NotFound: no such customer."""
    context: Context = request.app.state.context
    tenant_id, customer_id = request.path_params["tenant_id"], request.path_params["customer_id"]
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        today = day_of(now, (await tenant_row(connection, tenant_id)).time_zone)
        return await further_errors(connection, body, tenant_id=tenant_id, customer_id=customer_id, today=today)


router = APIRouter(prefix=_PREFIX, tags=["Contracts"])
for_new_ones = APIRouter(prefix=_PREFIX, tags=["Contracts"], route_class=judged_by(_wrong_besides))
_TABLE = Contracts.__table__
_END_DATE: ColumnElement[date] = func.coalesce(_TABLE.c.cancellation_date, _TABLE.c.term_end_date)


class StatusFilter(StrEnum):
    ALL = "all"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Search:
    conditions: list[ColumnElement[bool]]


def _search(
    contract_number: NumberQuery = None,
    start_date: ComparisonsQuery = None,
    end_date: ComparisonsQuery = None,
    status: StatusFilter = StatusFilter.ALL,
) -> Search:
    """`end_date`: of the current term, or the cancellation date."""
    conditions = compared({"start_date": (start_date, _TABLE.c.start_date), "end_date": (end_date, _END_DATE)})
    if contract_number is not None:
        conditions.append(_TABLE.c.contract_number.icontains(contract_number, autoescape=True))
    if status is not StatusFilter.ALL:
        conditions.append(_TABLE.c.status == status)
    return Search(conditions)


@router.get("")
async def find_all(
    tenant_id: str,
    customer_id: str,
    context: Shared,
    staff: Staff,
    search: Annotated[Search, Depends(_search)],
    paging: PagingQuery,
) -> Page[ContractListed]:
    """Filters join (CON-06). Sorts by `applied_at`, `start_date`, `end_date`, `contract_number`; newest first."""
    sortable = {name: _TABLE.c[name] for name in ("applied_at", "start_date", "contract_number")}
    order = resolve_order(paging.sort, {**sortable, "end_date": _END_DATE}, default="-applied_at")
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        zone = (await tenant_row(connection, tenant_id)).time_zone
        mine = (_TABLE.c.tenant_id == tenant_id, _TABLE.c.customer_id == customer_id)
        query = select(_TABLE).where(*mine, *search.conditions)
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.contract_number, paging=paging)
    return rows.page(lambda row: listed(row, zone))


@for_new_ones.post("", status_code=201, response_model=Contract)
async def apply(
    tenant_id: str,
    customer_id: str,
    body: ContractInput,
    request: Request,
    context: Shared,
    staff: Staff,
    *,
    posted: PostedRequest,
) -> Response:
    """Apply for a contract (CON-01). Its price is the catalogue's of today, whatever becomes of the catalogue.

    Where a UTM is shipped and the destination is left out, the customer's applications give it if they name one alone.
    """
    once = await posted.by(staff.actor)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        today = day_of(now, (await tenant_row(connection, tenant_id)).time_zone)
        application = await application_of(connection, body, tenant_id=tenant_id, customer_id=customer_id, today=today)
        number = await _free_number(connection, tenant_id, once)
    identity = identity_of(tenant_id, number, customer_id)
    start = ContractStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=staff.actor,
        identity=identity,
        application=application,
    )
    await context.commands.start(
        ContractWorkflow.run, start, identity, answer=ContractWorkflow.applied, summary=f"Contract {number}"
    )
    contract = await _shown(context, request, tenant_id, customer_id, number=number)
    location = f"/v1/tenants/{tenant_id}/customers/{customer_id}/contracts/{number}"
    return await once.answer(contract, status=201, location=location)


@router.get("/{number}")
async def read(
    tenant_id: str,
    customer_id: str,
    number: str,
    request: Request,
    context: Shared,
    staff: Staff,
    *,
    response: Response,
) -> Contract:
    """One contract with its plans, what happened, and what comes (CON-07)."""
    async with context.database.transaction(tenant_id) as connection:
        row = await of_customer(connection, tenant_id, customer_id, number)
        response.headers["ETag"] = etag(row.version)
        return await detailed(connection, row, durations=context.settings.durations, language=language_of(request))


async def of_customer(
    connection: AsyncConnection, tenant_id: str, customer_id: str, number: str, *, locked: bool = False
) -> Row[Any]:
    """Raises: NotFound: the customer has no such contract.

    The contract first: a deletion empties it before it is over, so that who has waited for it finds the customer gone.
    """
    row = await contract_row(connection, tenant_id, number, locked=locked)
    if row.customer_id != customer_id:
        raise NotFound
    await customer_row(connection, tenant_id, customer_id)
    return row


async def _free_number(connection: AsyncConnection, tenant_id: str, once: Once) -> str:
    """The first number drawn that no other request has taken; a repetition draws its own again."""
    draw = once.draw()
    while True:
        number = draw.contract_number()
        taken_by = await connection.scalar(
            select(Contracts.command_id).where(Contracts.tenant_id == tenant_id, Contracts.contract_number == number)
        )
        if taken_by in (None, once.command_id):
            return number


async def _shown(context: Context, request: Request, tenant_id: str, customer_id: str, *, number: str) -> Contract:
    async with context.database.transaction(tenant_id) as connection:
        row = await of_customer(connection, tenant_id, customer_id, number)
        return await detailed(connection, row, durations=context.settings.durations, language=language_of(request))
