"""Reading service applications, and editing their memos (APP-10, APP-11). Deciding is `api/service_application.py`.

What nobody has confirmed was never given to the tenant (APP-07): it is not among what staff are shown unasked, but can
be looked up under its own state, under `all`, and by its number, for an applicant who asks where it has gone.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.application_search import ALL, Columns, CompanyNameQuery, NumberQuery, Search, states_of
from api.authentication import Staff
from api.context import Shared
from api.etags import IfMatch, check_if_match, etag
from api.pages.application_entries import Entries, without_house_number
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.periods import PeriodQuery
from api.service_application import Memos
from models import audit
from models.audit import Fact
from models.messages.procedure import Identity
from models.refusals import NotFound, WrongState
from models.rules.application_decisions import decision_is_open
from models.tables.applications import ServiceApplication as Applications
from models.vocabulary import ApplicationState, ProcedureKind

router = APIRouter(prefix="/v1/tenants/{tenant_id}/applications", tags=["Applications"])
_UNDECIDED = (ApplicationState.UNAPPROVED, ApplicationState.ON_HOLD)


_TABLE = Applications.__table__
_COLUMNS = Columns(_TABLE.c.submitted_at, _TABLE.c.state, _TABLE.c.application_number, _TABLE.c.company_name)


class ApplicationListed(BaseModel):
    """The names and the address are the applicant's; `customer_id` is the company that an approval made."""

    application_number: str
    state: ApplicationState
    company_name: str
    last_name: str
    first_name: str
    mail_address: str
    submitted_at: datetime
    confirmed_at: datetime | None
    decided_at: datetime | None
    customer_id: str | None


class Warned(BaseModel):
    """Something for people to look at; `field` is dotted, as in errors."""

    field: str
    code: str


class Application(ApplicationListed):
    """`company`, `utm_destinations`, `portal_users` and `extra` as they were sent to `POST /v1/apply/…`."""

    company: dict[str, Any]
    utm_destinations: list[dict[str, Any]]
    portal_users: list[dict[str, Any]]
    extra: dict[str, str]
    memo1: str | None
    memo2: str | None
    memo3: str | None
    language: str
    confirm_by: datetime
    held_at: datetime | None
    decided_by: str | None
    invitation_id: str | None
    procedure_id: str
    warnings: list[Warned]


def _search(
    period: PeriodQuery,
    status: Annotated[
        str, Query(description="without it, what is undecided", json_schema_extra={"enum": [*ApplicationState, ALL]})
    ] = "",
    number: NumberQuery = None,
    company_name: CompanyNameQuery = None,
) -> Search[ApplicationState]:
    return Search(period, states_of(status, ApplicationState, unasked=_UNDECIDED), number, company_name)


SearchQuery = Annotated[Search[ApplicationState], Depends(_search)]


@router.get("")
async def find_all(
    tenant_id: str, context: Shared, staff: Staff, search: SearchQuery, paging: PagingQuery
) -> Page[ApplicationListed]:
    """Applications of a period, newest first; those unapproved or on hold unless a status is named (APP-10).

    Sorts by `submitted_at`.
    """
    order = resolve_order(paging.sort, {"submitted_at": _TABLE.c.submitted_at}, default="-submitted_at")
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id)
        query = _listed().where(Applications.tenant_id == tenant_id, *search.conditions(_COLUMNS, tenant.time_zone))
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.application_number, paging=paging)
    return rows.page(lambda row: ApplicationListed.model_validate(row, from_attributes=True))


@router.get("/{number}")
async def read(tenant_id: str, number: str, context: Shared, staff: Staff, response: Response) -> Application:
    """The application as it was sent, what became of it, and which addresses seem to lack a house number."""
    async with context.database.transaction(tenant_id) as connection:
        return _shown(await _row(connection, tenant_id, number), response)


@router.patch("/{number}")
async def change_memos(
    tenant_id: str,
    number: str,
    body: Memos,
    context: Shared,
    staff: Staff,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> Application:
    """Change the memos that the body names, while unapproved or on hold (APP-11). A blank one is cleared.

    After the decision they are refused with the state, also to a caller whose `If-Match` is stale by it.
    """
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        application = await _row(connection, tenant_id, number, locked=True)
        if not decision_is_open(ApplicationState(application.state)):
            raise WrongState(state=application.state)
        check_if_match(if_match, etag(application.version))
        values = body.model_dump(exclude_unset=True)
        changed = {name: memo for name, memo in values.items() if memo != getattr(application, name)}
        if changed:
            fact = Fact(
                tenant_id=tenant_id,
                at=now,
                actor=staff.actor,
                what="application_memos_changed",
                subject=number,
                procedure_id=_procedure_id(tenant_id, number),
                detail={"fields": sorted(changed)},
            )
            await _save(connection, fact, changed)
            application = await _row(connection, tenant_id, number)
        return _shown(application, response)


def _listed() -> Any:  # noqa: ANN401 - a Select with a type argument for each of its columns
    company = Applications.__table__.c.company
    return select(
        Applications.application_number,
        Applications.state,
        Applications.company_name,
        company["last_name"].astext.label("last_name"),
        company["first_name"].astext.label("first_name"),
        company["mail_address"].astext.label("mail_address"),
        Applications.submitted_at,
        Applications.confirmed_at,
        Applications.decided_at,
        Applications.customer_id,
    )


async def _row(
    connection: AsyncConnection, tenant_id: str, number: str, *, locked: bool = False
) -> Row[tuple[Applications]]:
    """Raises: NotFound: the tenant has no such application."""
    query = select(Applications.__table__).where(
        Applications.tenant_id == tenant_id, Applications.application_number == number
    )
    found = (await connection.execute(query.with_for_update() if locked else query)).first()
    if found is None:
        raise NotFound
    return found


async def _save(connection: AsyncConnection, fact: Fact, memos: dict[str, str | None]) -> None:
    await connection.execute(
        update(Applications)
        .where(Applications.tenant_id == fact.tenant_id, Applications.application_number == fact.subject)
        .values(version=Applications.version + 1, **memos)
    )
    await audit.record(connection, fact)


def _shown(application: Row[tuple[Applications]], response: Response) -> Application:
    response.headers["ETag"] = etag(application.version)
    entries = Entries(company=application.company, utm_destinations=application.utm_destinations)
    return Application.model_validate(
        {
            **application._mapping,  # noqa: SLF001 - SQLAlchemy's public way to a row's columns by name
            **{name: application.company[name] for name in ("last_name", "first_name", "mail_address")},
            "procedure_id": _procedure_id(application.tenant_id, application.application_number),
            "warnings": [Warned(field=field, code="no_house_number") for field in without_house_number(entries)],
        }
    )


def _procedure_id(tenant_id: str, number: str) -> str:
    return Identity.of(ProcedureKind.SERVICE_APPLICATION, tenant_id, number).procedure_id
