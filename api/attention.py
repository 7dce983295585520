"""Procedures that wait for an operator, and the operator's word to them (GEN-08)."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from api.authentication import Caller, Operator
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.idempotency import Once, PostedRequest
from api.language import language_of
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.procedures import ProcedureListed, listed, one
from models.fields import Input, Reason
from models.messages.procedure import Identity, Resolve
from models.refusals import NotFound, WrongState
from models.tables.procedures import Procedure as Procedures
from models.vocabulary import OperatorAction
from workflows.procedure import Procedure

router = APIRouter(tags=["Operator"])
_TABLE = Procedures.__table__


class Waiting(ProcedureListed):
    tenant_id: str


class Word(Input):
    """Why, and for which of several waiting steps; without `step` for all that the action is open to."""

    reason: Reason
    step: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Resolved(BaseModel):
    id: str
    state: str


@router.get("/v1/attention")
async def read_all(request: Request, context: Shared, caller: Operator, paging: PagingQuery) -> Page[Waiting]:
    """All tenants' procedures that wait for an operator, oldest first."""
    query = select(_TABLE).where(_TABLE.c.attention.is_not(None))
    order = resolve_order(paging.sort, {"started_at": _TABLE.c.started_at}, default="started_at")
    async with context.database.transaction(operator=True) as connection:
        rows = await fetch_page(connection, query, order=order, key=_TABLE.c.procedure_id, paging=paging)
    language = language_of(request)
    return rows.page(lambda row: Waiting(**listed(row, language), tenant_id=row.tenant_id))


@router.post("/v1/tenants/{tenant_id}/procedures/{procedure_id}/retry", response_model=Resolved)
async def retry(
    tenant_id: str, procedure_id: str, word: Word, context: Shared, caller: Operator, posted: PostedRequest
) -> Response:
    """Try the stuck step once more, its cause being mended."""
    once = await posted.by(caller.actor)
    command = _command(once, caller, OperatorAction.RETRY, word)
    return await once.answer(await _resolve(context, tenant_id, procedure_id, command=command))


@router.post("/v1/tenants/{tenant_id}/procedures/{procedure_id}/skip", response_model=Resolved)
async def skip(
    tenant_id: str, procedure_id: str, word: Word, context: Shared, caller: Operator, posted: PostedRequest
) -> Response:
    """Go on without the stuck step; a step that the procedure cannot do without refuses it."""
    once = await posted.by(caller.actor)
    command = _command(once, caller, OperatorAction.SKIP, word)
    return await once.answer(await _resolve(context, tenant_id, procedure_id, command=command))


@router.post("/v1/tenants/{tenant_id}/procedures/{procedure_id}/end", response_model=Resolved)
async def end(
    tenant_id: str, procedure_id: str, word: Word, context: Shared, caller: Operator, posted: PostedRequest
) -> Response:
    """End the stuck procedure; what it has done stays done."""
    once = await posted.by(caller.actor)
    command = _command(once, caller, OperatorAction.END, word)
    return await once.answer(await _resolve(context, tenant_id, procedure_id, command=command))


def _command(once: Once, caller: Caller, action: OperatorAction, word: Word) -> Resolve:
    return Resolve(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=caller.actor,
        action=action,
        reason=word.reason,
        step=word.step,
    )


async def _resolve(context: Context, tenant_id: str, procedure_id: str, *, command: Resolve) -> Resolved:
    """Raises: NotFound; WrongState: it does not wait for an operator, or this step cannot be skipped."""
    async with context.database.transaction(tenant_id) as connection:
        row = (await connection.execute(one(tenant_id, procedure_id))).first()
    if row is None:
        raise NotFound
    identity = Identity(**{name: getattr(row, name) for name in Identity.model_fields})
    try:
        answer = await context.commands.send(identity, Procedure.resolve, command)
    except ProcedureGoneError:
        raise WrongState(state=row.state) from None
    return Resolved(id=procedure_id, state=answer.state)
