"""Restarts of one UTM: at once, at a slot, taken back, and what became of them (RST-01…06)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from activities.restart_rows import UNDER_WAY, restarts_of
from api.authentication import StaffOrPortalUser
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.etags import tagged
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.utms import utm_row
from models.device_vocabulary import RestartReason, RestartState
from models.fields import Input, Instant
from models.identifiers import Draw
from models.messages.restart_steps import AskRestart, RestartStart
from models.refusals import FieldError, InvalidInput, WrongState
from models.rules.restarts import IN_THE_PAST, wrong_slot
from models.tables.devices import Restart as Restarts
from workflows.restart import Restart

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/utms/{utm_id}", tags=["UTM devices"])
_OVER = (RestartState.SUCCEEDED, RestartState.FAILED, RestartState.MISSED)


def _now_or_instant(value: object) -> object:
    if value is None:
        raise PydanticCustomError("required", "is required")
    return value if value != "now" else None


class RestartInput(Input):
    """`when`: `now`, or a full quarter of an hour on the tenant's clocks, at most 90 days ahead (RST-01)."""

    when: Annotated[Instant | None, BeforeValidator(_now_or_instant)] = Field(
        json_schema_extra={"anyOf": [{"const": "now"}, {"type": "string", "format": "date-time"}]}
    )


class Asked(BaseModel):
    """`replaced_at`: the slot that was scheduled before, and is not any more (RST-03)."""

    restart_id: str
    state: Literal["requested", "scheduled"]
    at: datetime
    replaced_at: datetime | None


class RestartListed(BaseModel):
    """`reason`: why it failed, or was not taken up; `detail`: what the device itself said of its failure."""

    restart_id: str
    state: RestartState
    at: datetime
    is_scheduled: bool
    requested_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    reason: RestartReason | None
    detail: str | None
    fleet_restart_id: str | None


class LastRestart(BaseModel):
    """`at`: when it ended; of one in progress, when it was on offer to the device."""

    state: Literal["succeeded", "failed", "in_progress", "missed", "none"]
    at: datetime | None
    reason: RestartReason | None = None
    detail: str | None = None


class RestartStatus(BaseModel):
    last: LastRestart
    scheduled_at: datetime | None


@router.post("/restart", status_code=202, response_model=Asked)
async def ask(
    tenant_id: str,
    customer_id: str,
    utm_id: str,
    body: RestartInput,
    context: Shared,
    caller: StaffOrPortalUser,
    posted: PostedRequest,
) -> Response:
    """Restart at once what is online, or schedule it; a new schedule replaces the old (RST-01…03)."""
    once = await posted.by(caller.actor)
    async with context.database.transaction(tenant_id) as connection:
        row = await utm_row(connection, tenant_id, customer_id, utm_id)
        await _check_slot(connection, body.when, context, tenant_id)
    command = AskRestart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=caller.actor,
        restart_id=once.draw().opaque_id(),
        at=body.when,
        registration_id=row.registration_id,
    )
    identity = restarts_of(row)
    start = RestartStart(identity=identity, registration_id=row.registration_id)
    recorded = await context.commands.tell(
        Restart.run, start, identity, Restart.ask, command, summary=f"Restarts of UTM {utm_id} of {tenant_id}"
    )
    return await once.answer(Asked.model_validate(recorded, from_attributes=True), status=202)


@router.delete("/restart")
async def cancel(
    tenant_id: str, customer_id: str, utm_id: str, context: Shared, caller: StaffOrPortalUser
) -> RestartListed:
    """Take the schedule back, before its slot (RST-04)."""
    async with context.database.transaction(tenant_id) as connection:
        row = await utm_row(connection, tenant_id, customer_id, utm_id)
    command = AskRestart(
        command_id=Draw().opaque_id(), actor=caller.actor, restart_id="", registration_id=row.registration_id
    )
    try:
        cancelled = await context.commands.send(restarts_of(row), Restart.cancel, command)
    except ProcedureGoneError:
        raise WrongState(state="none") from None
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(Restarts.__table__).where(
                Restarts.tenant_id == tenant_id, Restarts.restart_id == cancelled.restart_id
            )
        )
        return RestartListed.model_validate(found.one(), from_attributes=True)


@router.get("/restarts")
async def find_all(
    tenant_id: str,
    customer_id: str,
    utm_id: str,
    context: Shared,
    caller: StaffOrPortalUser,
    paging: PagingQuery,
) -> Page[RestartListed]:
    """The past 60 days and what is scheduled, the newest first (RST-06)."""
    table = Restarts.__table__
    since = await context.clock.now() - context.settings.durations.restart_history
    order = resolve_order(paging.sort, {"at": table.c.at}, default="-at")
    async with context.database.transaction(tenant_id) as connection:
        utm = await utm_row(connection, tenant_id, customer_id, utm_id)
        query = select(table).where(
            table.c.tenant_id == tenant_id, table.c.registration_id == utm.registration_id, table.c.at >= since
        )
        rows = await fetch_page(connection, query, order=order, key=table.c.restart_id, paging=paging)
    return rows.page(lambda row: RestartListed.model_validate(row, from_attributes=True))


@router.get("/restart-status")
async def status(
    tenant_id: str, customer_id: str, utm_id: str, context: Shared, caller: StaffOrPortalUser, *, response: Response
) -> RestartStatus:
    """What became of the last restart of the past 60 days (RST-06)."""
    since = await context.clock.now() - context.settings.durations.restart_history
    async with context.database.transaction(tenant_id) as connection:
        utm = await utm_row(connection, tenant_id, customer_id, utm_id)
        found = await connection.execute(
            select(Restarts.__table__)
            .where(Restarts.tenant_id == tenant_id, Restarts.registration_id == utm.registration_id)
            .where(Restarts.state.in_((*UNDER_WAY, *_OVER)), Restarts.at >= since)
            .order_by(Restarts.at.desc(), Restarts.requested_at.desc())
            .limit(1)
        )
        last = _last(found.first())
    return tagged(response, RestartStatus(last=last, scheduled_at=utm.scheduled_restart_at))


def _last(row: Row[Any] | None) -> LastRestart:
    if row is None:
        return LastRestart(state="none", at=None)
    if row.state in UNDER_WAY:
        return LastRestart(state="in_progress", at=row.at)
    return LastRestart(state=row.state, at=row.ended_at, reason=row.reason, detail=row.detail)


async def _check_slot(connection: AsyncConnection, at: datetime | None, context: Context, tenant_id: str) -> None:
    """Raises: InvalidInput: it is no slot, or too far ahead.

    What is past may have been asked for in time: the step itself refuses it, or gives a repetition its first answer.
    """
    if at is None:
        return
    horizon = context.settings.durations.restart_horizon
    zone = (await tenant_row(connection, tenant_id)).time_zone
    wrong = wrong_slot(at, await context.clock.now(), zone=zone, horizon=horizon)
    if wrong not in {None, IN_THE_PAST}:
        raise InvalidInput(errors=[FieldError("when", str(wrong), {"maximum": horizon.days})])
