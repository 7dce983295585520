"""The mail ledger: what was sent to whom, as it was sent, and what became of it (TPL-07)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Row, select

from api.authentication import StaffOrOperator
from api.context import Shared
from api.etags import tagged
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models.refusals import NotFound
from models.tables.procedures import Mail
from models.vocabulary import Mail as Template
from models.vocabulary import MailState

router = APIRouter(prefix="/v1/tenants/{tenant_id}/mails", tags=["Mails"])
_TABLE = Mail.__table__


class LedgerState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


_STATES: dict[LedgerState, frozenset[MailState]] = {
    LedgerState.QUEUED: frozenset({MailState.QUEUED, MailState.SENDING, MailState.DEFERRED, MailState.UNKNOWN}),
    LedgerState.SENT: frozenset({MailState.SENT}),
    LedgerState.FAILED: frozenset({MailState.FAILED, MailState.SKIPPED}),
}
_LEDGER_STATE = {state: shown for shown, states in _STATES.items() for state in states}


class MailListed(BaseModel):
    """`state` in short; `delivery` is exact. `subject` is null until the mail is rendered for its first try.

    `delivery`: `deferred` the mail server said not now, `unknown` the connection broke after the mail had gone out,
    `failed` it waits for an operator, `skipped` it was left unsent on purpose.
    """

    mail_id: str
    procedure_id: str
    template: str
    to: str
    subject: str | None
    state: LedgerState
    delivery: MailState
    message_id: str
    attempts: int
    smtp_answer: str | None
    queued_at: datetime
    next_attempt_at: datetime | None
    sent_at: datetime | None


class MailRead(MailListed):
    """The bodies as sent, but for the secret of a link; null until the mail is rendered."""

    text: str | None
    html: str | None


class Filters(BaseModel):
    procedure_id: str | None = None
    to: str | None = Field(None, description="a whole address")
    template: Template | None = None
    state: LedgerState | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        equal = self.model_dump(include={"procedure_id", "template"}, exclude_none=True)
        conditions = [_TABLE.c[name] == value for name, value in equal.items()]
        if self.to is not None:
            conditions.append(_TABLE.c.recipient == self.to.strip().lower())
        if self.state is not None:
            conditions.append(_TABLE.c.state.in_(_STATES[self.state]))
        return conditions


@router.get("")
async def read_all(
    tenant_id: str,
    filters: Annotated[Filters, Query()],
    context: Shared,
    caller: StaffOrOperator,
    paging: PagingQuery,
) -> Page[MailListed]:
    """Newest first."""
    query = select(_TABLE).where(_TABLE.c.tenant_id == tenant_id, *filters.conditions())
    order = resolve_order(paging.sort, {"queued_at": _TABLE.c.queued_at}, default="-queued_at")
    async with context.database.transaction(tenant_id) as connection:
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.mail_id, paging=paging)
    return rows.page(lambda row: MailListed(**_shown(row)))


@router.get("/{mail_id}")
async def read(tenant_id: str, mail_id: str, context: Shared, caller: StaffOrOperator, response: Response) -> MailRead:
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(select(_TABLE).where(Mail.tenant_id == tenant_id, Mail.mail_id == mail_id))
        row = found.first()
    if row is None:
        raise NotFound
    return tagged(response, MailRead(**_shown(row), text=row.text, html=row.html))


def _shown(row: Row[Any]) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in MailListed.model_fields if name in row._fields}
    return columns | {"to": row.recipient, "delivery": row.state, "state": _LEDGER_STATE[row.state]}
