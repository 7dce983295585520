"""Restarts of many UTMs at once, spread over slots, watched and cancelled as one (RST-08)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from activities.restart_rows import OPEN
from api.authentication import Staff
from api.commands import ProcedureGoneError
from api.context import Shared
from api.etags import tagged
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models.device_vocabulary import FleetRestartState, RestartReason, RestartState
from models.fields import Input, Instant, UtmId
from models.identifiers import Draw
from models.messages.procedure import Command, Identity
from models.messages.restart_steps import FleetStart
from models.refusals import FieldError, InvalidInput, NotFound, WrongState
from models.rules.restarts import IN_THE_PAST, fewest_per_slot, wrong_slot
from models.tables.devices import FleetRestart as Fleets
from models.tables.devices import Restart as Restarts
from models.tables.utms import Utm
from models.vocabulary import ProcedureKind
from workflows.fleet_restart import FleetRestart

router = APIRouter(prefix="/v1/tenants/{tenant_id}/fleet-restarts", tags=["UTM devices"])


class FleetInput(Input):
    """The UTMs named, or the customer's, or else all of the tenant's; `at`: the first slot."""

    utm_ids: Annotated[list[UtmId] | None, Field(min_length=1, max_length=1000)] = None
    customer_id: Annotated[str | None, Field(max_length=20)] = None
    at: Instant
    per_slot: Annotated[int, Field(ge=1, le=1000)]


class FleetAsked(BaseModel):
    fleet_restart_id: str
    state: FleetRestartState


class FleetItem(BaseModel):
    utm_id: str
    restart_id: str
    at: datetime
    state: RestartState
    reason: RestartReason | None
    detail: str | None


class Fleet(FleetAsked):
    """`counts` by state; `items`: the first 1,000, in the order of their slots; all of them are at `…/items`."""

    at: datetime
    per_slot: int
    requested_at: datetime
    ended_at: datetime | None
    counts: dict[RestartState, int]
    items: list[FleetItem]


@router.post("", status_code=202, response_model=FleetAsked)
async def ask(tenant_id: str, body: FleetInput, context: Shared, staff: Staff, posted: PostedRequest) -> Response:
    """Each UTM is restarted at its slot, at most `per_slot` in one; a schedule that it has is replaced."""
    once = await posted.by(staff.actor)
    async with context.database.transaction(tenant_id) as connection:
        count, errors = await _asked_for(connection, tenant_id, body)
        zone = (await tenant_row(connection, tenant_id)).time_zone
        horizon = context.settings.durations.restart_horizon
        now = await context.clock.now()
    wrong = wrong_slot(body.at, now, zone=zone, horizon=horizon)
    if wrong is not None:
        errors.append(FieldError("at", wrong, {"maximum": horizon.days}))
    elif body.per_slot < (fewest := fewest_per_slot(body.at, now, count, horizon=horizon)):
        errors.append(FieldError("per_slot", "too_small", {"minimum": fewest}))
    if errors and (len(errors), wrong) != (1, IN_THE_PAST):  # by itself, the step refuses it, or knows it already
        raise InvalidInput(errors=errors)
    identity = _identity(tenant_id, once.draw().opaque_id())
    start = FleetStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=staff.actor,
        identity=identity,
        utm_ids=tuple(dict.fromkeys(body.utm_ids)) if body.utm_ids else None,
        customer_id=body.customer_id,
        at=body.at,
        per_slot=body.per_slot,
    )
    recorded = await context.commands.start(
        FleetRestart.run, start, identity, answer=FleetRestart.begun, summary=f"Fleet restart of {tenant_id}"
    )
    asked = FleetAsked(fleet_restart_id=identity.subject, state=FleetRestartState(recorded.state))
    location = f"/v1/tenants/{tenant_id}/fleet-restarts/{identity.subject}"
    return await once.answer(asked, status=202, location=location)


@router.get("/{fleet_restart_id}")
async def read(tenant_id: str, fleet_restart_id: str, context: Shared, staff: Staff, response: Response) -> Fleet:
    """How far it is: each UTM with its slot and what became of it."""
    async with context.database.transaction(tenant_id) as connection:
        return tagged(response, await _shown(connection, tenant_id, fleet_restart_id))


@router.get("/{fleet_restart_id}/items")
async def find_items(
    tenant_id: str, fleet_restart_id: str, context: Shared, staff: Staff, paging: PagingQuery
) -> Page[FleetItem]:
    """In the order of their slots."""
    table = Restarts.__table__
    order = resolve_order(paging.sort, {"at": table.c.at}, default="at")
    async with context.database.transaction(tenant_id) as connection:
        await _row(connection, tenant_id, fleet_restart_id)
        query = select(table).where(table.c.tenant_id == tenant_id, table.c.fleet_restart_id == fleet_restart_id)
        rows = await fetch_page(connection, query, order=order, key=table.c.restart_id, paging=paging)
    return rows.page(lambda row: FleetItem.model_validate(row, from_attributes=True))


@router.delete("/{fleet_restart_id}")
async def cancel(tenant_id: str, fleet_restart_id: str, context: Shared, staff: Staff) -> Fleet:
    """Cancel as one what has not begun; what the devices have already goes on.

    The answer does not wait until all of a large fleet is taken back, the earliest slots first: `counts` tells.
    """
    async with context.database.transaction(tenant_id) as connection:
        row = await _row(connection, tenant_id, fleet_restart_id)
    command = Command(command_id=Draw().opaque_id(), actor=staff.actor)
    try:
        await context.commands.send(_identity(tenant_id, fleet_restart_id), FleetRestart.cancel, command)
    except ProcedureGoneError:
        raise WrongState(state=row.state) from None
    async with context.database.transaction(tenant_id) as connection:
        return await _shown(connection, tenant_id, fleet_restart_id)


async def _shown(connection: AsyncConnection, tenant_id: str, fleet_restart_id: str) -> Fleet:
    row = await _row(connection, tenant_id, fleet_restart_id)
    whose = (Restarts.tenant_id == tenant_id, Restarts.fleet_restart_id == fleet_restart_id)
    counted = await connection.execute(select(Restarts.state, func.count()).where(*whose).group_by(Restarts.state))
    counts = {RestartState(state): count for state, count in counted}
    items = await connection.execute(
        select(Restarts.__table__).where(*whose).order_by(Restarts.at, Restarts.utm_id).limit(1000)
    )
    is_over = not any(counts.get(state) for state in (RestartState.PLANNED, *OPEN))
    over = row.state == FleetRestartState.IN_PROGRESS and is_over  # its procedure takes note within minutes
    return Fleet(
        **row._asdict() | {"state": FleetRestartState.FINISHED if over else row.state},
        counts=counts,
        items=[FleetItem.model_validate(item, from_attributes=True) for item in items],
    )


async def _row(connection: AsyncConnection, tenant_id: str, fleet_restart_id: str) -> Row[Any]:
    """Raises: NotFound: the tenant has no such fleet restart."""
    found = await connection.execute(
        select(Fleets.__table__).where(Fleets.tenant_id == tenant_id, Fleets.fleet_restart_id == fleet_restart_id)
    )
    row: Row[Any] | None = found.first()
    if row is None:
        raise NotFound
    return row


async def _asked_for(connection: AsyncConnection, tenant_id: str, body: FleetInput) -> tuple[int, list[FieldError]]:
    """How many UTMs it is about, and what the tenant has none for."""
    query = select(Utm.utm_id).where(Utm.tenant_id == tenant_id, Utm.deleted_at.is_(None))
    if body.customer_id is not None:
        query = query.where(Utm.customer_id == body.customer_id)
    if body.utm_ids is None:
        count = await connection.scalar(select(func.count()).select_from(query.subquery())) or 0
        return count, [] if count else [FieldError("customer_id" if body.customer_id else "utm_ids", "no_utm")]
    known = set((await connection.execute(query.where(Utm.utm_id.in_(body.utm_ids)))).scalars())
    unknown = [index for index, utm_id in enumerate(body.utm_ids) if utm_id not in known]
    return len(known), [FieldError(f"utm_ids.{index}", "no_utm") for index in unknown]


def _identity(tenant_id: str, fleet_restart_id: str) -> Identity:
    return Identity.of(ProcedureKind.FLEET_RESTART, tenant_id, fleet_restart_id)
