"""Customer companies, as staff keep them (CUS-01…06)."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api import customer_page
from api.application_search import CompanyNameQuery, NumberQuery
from api.authentication import Caller, Staff
from api.context import Context, Shared
from api.contract_consequences import Consequence, told
from api.customer_deletion import erase, foreseen
from api.customer_page import CustomerPage
from api.etags import IfMatch, check_if_match, etag
from api.idempotency import PostedRequest
from api.language import language_of
from api.paging import ComparisonsQuery, Page, PagingQuery, compared, fetch_page, resolve_order
from models import audit
from models.audit import Fact
from models.customer_deletability import deletabilities
from models.fields import (
    Address,
    Answer,
    CompanyName,
    Department,
    FamilyName,
    GivenName,
    Input,
    MailAddress,
    Memo,
    OrAbsent,
    PhoneNumber,
    Position,
    PostalCode,
    Prefecture,
    Title,
)
from models.free_ids import insert_under_a_free_id
from models.idempotent_answers import Kept
from models.messages.service_application import Company
from models.refusals import InvalidInput, NotFound, NothingChanged
from models.rules.extra_fields import ExtraField, answer_errors, given_answers
from models.rules.periods import day_of
from models.tables.customers import Customer as Customers
from models.vocabulary import AccountState, CustomerStatus, DeletionBlocker

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers", tags=["Customers"])
Extra = Annotated[dict[Title, Answer], Field(max_length=100)]


class NewCustomerInput(Company):
    memo1: OrAbsent[Memo] = None
    memo2: OrAbsent[Memo] = None
    memo3: OrAbsent[Memo] = None


class CustomerChange(Input):
    """What is not named stays as it is; only optional fields can be nothing."""

    company_name: CompanyName = ""
    memo1: OrAbsent[Memo] = None
    memo2: OrAbsent[Memo] = None
    memo3: OrAbsent[Memo] = None
    last_name: FamilyName = ""
    first_name: GivenName = ""
    department: OrAbsent[Department] = None
    position: OrAbsent[Position] = None
    mail_address: MailAddress = ""
    postal_code: PostalCode = ""
    prefecture: Prefecture = ""
    address: Address = ""
    phone_number: PhoneNumber = ""
    extra: Extra = Field(default_factory=dict)
    """Answers to some of the tenant's extra fields; the others stay, and a blank one is taken back (APP-17)."""


class Customer(BaseModel):
    customer_id: str
    company_name: str
    memo1: str | None
    memo2: str | None
    memo3: str | None
    last_name: str
    first_name: str
    department: str | None
    position: str | None
    mail_address: str
    postal_code: str
    prefecture: str
    address: str
    phone_number: str
    status: CustomerStatus
    account_state: AccountState
    balance: int
    last_invoice_date: date | None
    application_number: str | None
    extra: dict[str, str | None]
    created_at: datetime
    shortage_exempt: bool
    """The operator has it left out of the contract-shortage notice (SET-09)."""
    deletable_from: date | None = None
    """The first day on which its contracts leave it to be deleted, when all of them have an end (CUS-05)."""
    deletion_blockers: list[DeletionBlocker] = []
    """What stands in the way today."""


class DeletionForeseen(BaseModel):
    """What a deletion would do now, in a dry run of it."""

    dry_run: bool = True
    consequences: list[Consequence]


class CustomerDetail(Customer, CustomerPage):
    """With all that belongs to it (CUS-06)."""


@router.post("", status_code=201, response_model=Customer)
async def create(
    tenant_id: str, body: NewCustomerInput, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """Make a customer company, in draft until it has a contract."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        values = {
            "tenant_id": tenant_id,
            "status": CustomerStatus.DRAFT,
            "account_state": AccountState.FREE,
            "created_at": now,
            **body.model_dump(mode="json"),
        }
        customer_id = await insert_under_a_free_id(connection, Customers.customer_id, once.draw().customer_id, values)
        await audit.record(connection, _fact(tenant_id, customer_id, staff, at=now, what="customer_created"))
        customer = await _shown(connection, await customer_row(connection, tenant_id, customer_id), context)
        location = f"/v1/tenants/{tenant_id}/customers/{customer_id}"
        return await once.answer(customer, status=201, location=location, kept=Kept(about=customer_id))


@router.get("")
async def find_all(  # noqa: PLR0913 - one parameter a filter
    tenant_id: str,
    context: Shared,
    staff: Staff,
    paging: PagingQuery,
    *,
    customer_id: NumberQuery = None,
    company_name: CompanyNameQuery = None,
    balance: ComparisonsQuery = None,
    last_invoice_date: ComparisonsQuery = None,
    status: CustomerStatus | None = None,
) -> Page[Customer]:
    """Filters join (CUS-04). Sorts by `created_at`, `company_name` and `balance`; newest first."""
    table = Customers.__table__
    wanted: list[ColumnElement[bool]] = [table.c.tenant_id == tenant_id, table.c.deleted_at.is_(None)]
    if customer_id is not None:
        wanted.append(table.c.customer_id.icontains(customer_id, autoescape=True))
    if company_name is not None:
        wanted.append(table.c.company_name.icontains(company_name, autoescape=True))
    if status is not None:
        wanted.append(table.c.status == status)
    compare = {
        "balance": (balance, table.c.balance),
        "last_invoice_date": (last_invoice_date, table.c.last_invoice_date),
    }
    wanted += compared(compare)
    sortable = {name: table.c[name] for name in ("created_at", "company_name", "balance")}
    order = resolve_order(paging.sort, sortable, default="-created_at")
    async with context.database.transaction(tenant_id) as connection:
        rows = await fetch_page(
            connection, select(table).where(*wanted), order=order, key=table.c.customer_id, paging=paging
        )
        deletable = await _deletable(connection, tenant_id, [row.customer_id for row in rows.rows], context)
    return rows.page(
        lambda row: Customer.model_validate(row, from_attributes=True).model_copy(update=deletable[row.customer_id])
    )


@router.get("/{customer_id}")
async def read(tenant_id: str, customer_id: str, context: Shared, staff: Staff, response: Response) -> CustomerDetail:
    """The customer with its application, people and open procedures (CUS-06)."""
    async with context.database.transaction(tenant_id) as connection:
        row = await customer_row(connection, tenant_id, customer_id)
        page = await customer_page.read(connection, row, await context.clock.now(), context.settings.durations)
        customer = await _shown(connection, row, context)
    response.headers["ETag"] = etag(row.version)
    return CustomerDetail(**customer.model_dump(), **page.model_dump())


@router.patch("/{customer_id}")
async def change(
    tenant_id: str,
    customer_id: str,
    body: CustomerChange,
    context: Shared,
    staff: Staff,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> Customer:
    """At least one field must differ (CUS-02)."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        row = await customer_row(connection, tenant_id, customer_id, locked=True)
        check_if_match(if_match, etag(row.version))
        values = body.model_dump(mode="json", exclude_unset=True)
        if "extra" in values:
            values["extra"] = await _with_extra(connection, row, values["extra"])
        changed = {name: value for name, value in values.items() if value != getattr(row, name)}
        if not changed:
            raise NothingChanged
        await connection.execute(
            update(Customers)
            .where(Customers.tenant_id == tenant_id, Customers.customer_id == customer_id)
            .values(version=Customers.version + 1, **changed)
        )
        fact = _fact(tenant_id, customer_id, staff, at=now, what="customer_changed", fields=sorted(changed))
        await audit.record(connection, fact)
        row = await customer_row(connection, tenant_id, customer_id)
        customer = await _shown(connection, row, context)
    response.headers["ETag"] = etag(row.version)
    return customer


@router.delete("/{customer_id}", status_code=204, responses={200: {"model": DeletionForeseen}})
async def remove(
    tenant_id: str,
    customer_id: str,
    request: Request,
    context: Shared,
    staff: Staff,
    *,
    dry_run: bool = False,
) -> Response:
    """Erase the company and its people; the audit log stays, and holds nothing personal (CUS-05).

    With `dry_run` nothing changes, and the answer tells what would (200).
    """
    if dry_run:
        consequences = told(await foreseen(context, tenant_id, customer_id), language_of(request))
        return JSONResponse(DeletionForeseen(consequences=consequences).model_dump(mode="json"))
    await erase(context, tenant_id, customer_id, staff)
    return Response(status_code=204)


async def customer_row(
    connection: AsyncConnection, tenant_id: str, customer_id: str, *, locked: bool = False, held: bool = False
) -> Row[Any]:
    """The customer of the transaction's tenant. Raises: NotFound.

    `locked`: to be changed. `held`: not to be deleted while something of its people is written down.
    """
    query = select(Customers.__table__).where(
        Customers.tenant_id == tenant_id, Customers.customer_id == customer_id, Customers.deleted_at.is_(None)
    )
    if locked or held:
        query = query.with_for_update(read=not locked)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound
    return row


async def _with_extra(connection: AsyncConnection, customer: Row[Any], extra: dict[str, str]) -> dict[str, str]:
    """The customer's answers with the new ones among them.

    Raises:
        InvalidInput: the tenant's definitions do not take one of the new answers (APP-05).
    """
    fields = await _extra_fields(connection, customer.tenant_id)
    if errors := answer_errors(extra, [field for field in fields if field.label in extra]):
        raise InvalidInput(errors=errors)
    return given_answers({**customer.extra, **extra})


async def _extra_fields(connection: AsyncConnection, tenant_id: str) -> list[ExtraField]:
    return [ExtraField.of(stored) for stored in (await tenant_row(connection, tenant_id)).extra_fields]


async def _deletable(
    connection: AsyncConnection, tenant_id: str, customer_ids: list[str], context: Context
) -> dict[str, dict[str, Any]]:
    """What the answer says of each customer's deletion (CUS-05)."""
    today = day_of(await context.clock.now(), (await tenant_row(connection, tenant_id)).time_zone)
    found = await deletabilities(connection, tenant_id, customer_ids, today)
    return {
        customer_id: {"deletable_from": one.since, "deletion_blockers": list(one.blockers)}
        for customer_id, one in found.items()
    }


async def _shown(connection: AsyncConnection, row: Row[Any], context: Context) -> Customer:
    """With every question that the tenant asks, answered or not (APP-17), and what stands in a deletion's way."""
    unanswered = {field.label: None for field in await _extra_fields(connection, row.tenant_id)}
    deletable = await _deletable(connection, row.tenant_id, [row.customer_id], context)
    return Customer.model_validate(row, from_attributes=True).model_copy(
        update={"extra": {**unanswered, **row.extra}, **deletable[row.customer_id]}
    )


def _fact(tenant_id: str, customer_id: str, caller: Caller, *, at: datetime, what: str, **detail: object) -> Fact:
    return Fact(tenant_id=tenant_id, at=at, actor=caller.actor, what=what, subject=customer_id, detail=detail)
