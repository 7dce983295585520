"""A tenant's procedures: where each stands, what comes next and when, and its whole history (GEN-04)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import StaffOrOperator
from api.context import Context, Shared
from api.etags import tagged
from api.language import language_of
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.procedure_wording import event_sentence, sentence
from models.refusals import NotFound
from models.tables.procedures import AuditEntry, Procedure
from models.vocabulary import Language, OperatorAction, ProcedureKind

router = APIRouter(prefix="/v1/tenants/{tenant_id}/procedures", tags=["Procedures"])
_TABLE = Procedure.__table__


class Upcoming(BaseModel):
    """What happens by itself: `what` is stable, `text` is for people."""

    at: datetime
    what: str
    text: str


class Event(BaseModel):
    """What happened. `by`: `operator`, `applicant`, `system`, `staff:<id>`, …; `detail`: ids, states, numbers."""

    at: datetime
    what: str
    by: str
    text: str
    detail: dict[str, Any]


class Stuck(BaseModel):
    """A step that waits for an operator (GEN-08), and what the operator may do about it."""

    step: str
    reason: str
    since: datetime
    actions: list[OperatorAction]


class ProcedureListed(BaseModel):
    """`next` is soonest first; `attention` is empty unless an operator has to help."""

    id: str
    kind: str
    subject: str
    customer_id: str | None = None
    state: str
    waiting_for: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    next: list[Upcoming] = []
    attention: list[Stuck] = []


class ProcedureRead(ProcedureListed):
    timeline: list[Event]


class Filters(BaseModel):
    kind: ProcedureKind | None = None
    state: str | None = None
    subject: str | None = None
    customer_id: str | None = None
    open: bool | None = Field(None, description="only those under way, or only the others")

    def conditions(self) -> list[ColumnElement[bool]]:
        equal = self.model_dump(exclude={"open"}, exclude_none=True)
        conditions = [_TABLE.c[name] == value for name, value in equal.items()]
        if self.open is not None:
            conditions.append(_TABLE.c.ended_at.is_(None) if self.open else _TABLE.c.ended_at.is_not(None))
        return conditions


@router.get("")
async def read_all(
    tenant_id: str,
    filters: Annotated[Filters, Query()],
    request: Request,
    context: Shared,
    caller: StaffOrOperator,
    paging: PagingQuery,
) -> Page[ProcedureListed]:
    """Newest first."""
    query = select(_TABLE).where(_TABLE.c.tenant_id == tenant_id, *filters.conditions())
    order = resolve_order(paging.sort, {"started_at": _TABLE.c.started_at}, default="-started_at")
    async with context.database.transaction(tenant_id) as connection:
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.procedure_id, paging=paging)
    language = language_of(request)
    return rows.page(lambda row: ProcedureListed(**listed(row, language)))


@router.get("/{procedure_id}")
async def read(
    tenant_id: str, procedure_id: str, request: Request, context: Shared, caller: StaffOrOperator, *, response: Response
) -> ProcedureRead:
    """One procedure with its timeline. One that has been accepted and is not recorded yet is `starting`."""
    language = language_of(request)
    async with context.database.transaction(tenant_id) as connection:
        row = (await connection.execute(one(tenant_id, procedure_id))).first()
        timeline = await timeline_of(connection, tenant_id, procedure_id, language=language)
    if row is None:
        return tagged(response, await _not_recorded_yet(context, tenant_id, procedure_id))
    return tagged(response, ProcedureRead(**listed(row, language), timeline=timeline))


def one(tenant_id: str, procedure_id: str) -> Select[Any]:
    return select(_TABLE).where(Procedure.tenant_id == tenant_id, Procedure.procedure_id == procedure_id)


async def open_procedures(
    connection: AsyncConnection, tenant_id: str, customer_id: str, language: Language
) -> list[ProcedureListed]:
    """Those under way for a customer, oldest first (CUS-06)."""
    rows = await connection.execute(
        select(_TABLE)
        .where(Procedure.tenant_id == tenant_id, Procedure.customer_id == customer_id, Procedure.ended_at.is_(None))
        .order_by(Procedure.started_at, Procedure.procedure_id)
    )
    return [ProcedureListed(**listed(row, language)) for row in rows]


def listed(row: Row[Any], language: Language) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in ProcedureListed.model_fields if name in row._fields}
    return columns | {
        "id": row.procedure_id,
        "next": [{**step, "text": sentence(step["what"], language)} for step in row.next],
        "attention": row.attention or [],
    }


async def timeline_of(
    connection: AsyncConnection, tenant_id: str, procedure_id: str, *, language: Language
) -> list[Event]:
    rows = await connection.execute(
        select(AuditEntry.at, AuditEntry.what, AuditEntry.actor, AuditEntry.detail)
        .where(AuditEntry.tenant_id == tenant_id, AuditEntry.procedure_id == procedure_id)
        .order_by(AuditEntry.at, AuditEntry.entry_id)
    )
    return [
        Event(
            at=row.at,
            what=row.what,
            by=row.actor,
            text=event_sentence(row.what, row.detail, language),
            detail=row.detail,
        )
        for row in rows
    ]


async def _not_recorded_yet(context: Context, tenant_id: str, procedure_id: str) -> ProcedureRead:
    """What Temporal knows of it. The id and the search attribute both name the tenant: nobody sees another's.

    Raises:
        NotFound: there is no such procedure of the tenant.
    """
    begun = await context.commands.find(procedure_id) if f"-{tenant_id}-" in procedure_id else None
    if begun is None or begun.tenant_id != tenant_id:
        raise NotFound
    is_under_way = begun.ended_at is None
    return ProcedureRead(
        id=procedure_id,
        kind=begun.kind,
        subject=begun.subject,
        # A procedure that ended without a record was refused by its first one.
        state="starting" if is_under_way else "refused",
        waiting_for="system" if is_under_way else None,
        started_at=begun.started_at,
        ended_at=begun.ended_at,
        timeline=[],
    )
