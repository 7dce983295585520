"""The fleet restart's steps in the database, each one transaction (RST-08)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import restart_orders as orders
from activities import restart_rows as rows
from activities.records import Records, fact_of
from models import audit, procedures
from models.device_refusals import RestartInProgress
from models.device_vocabulary import DeviceCommandState, FleetRestartState, RestartReason, RestartState
from models.messages.procedure import Step
from models.messages.restart_steps import FleetStanding, RecordFleet, RestartStart, RestartStep
from models.procedures import Beginning, Standing
from models.refusals import FieldError, InvalidInput, NotFound
from models.rules.restarts import IN_THE_PAST, spread
from models.tables.devices import DeviceCommand, FleetRestart, Restart
from models.tables.utms import Utm
from models.vocabulary import Mail, ProcedureKind

_AT_ONCE = 50
"""UTMs in one transaction."""
_BETWEEN_LOOKS = timedelta(minutes=5)
_UNFINISHED = (RestartState.PLANNED, *rows.OPEN)


class FleetRestartActivities:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._durations = records.durations

    @activity.defn
    async def record_fleet_restart(self, message: RecordFleet) -> FleetStanding:
        """The plan: each UTM with its slot.

        Raises:
            NotFound: there is no such UTM, or none at all. InvalidInput: the first slot has passed.
        """
        start, identity = message.start, message.identity

        async def work(connection: AsyncConnection) -> FleetStanding:
            if start.at <= message.at:
                raise InvalidInput(errors=[FieldError("at", IN_THE_PAST)])
            utms = await _utms(connection, message)
            beginning = Beginning(
                tenant_id=identity.tenant_id,
                procedure_id=identity.procedure_id,
                kind=ProcedureKind.FLEET_RESTART,
                subject=identity.subject,
                started_at=message.at,
            )
            await procedures.begin(connection, beginning, Standing(state=FleetRestartState.IN_PROGRESS))
            fleet = {"tenant_id": identity.tenant_id, "fleet_restart_id": identity.subject}
            asked = {"requested_at": message.at, "requested_by": message.actor}
            plan = {"state": FleetRestartState.IN_PROGRESS, "at": start.at, "per_slot": start.per_slot}
            await connection.execute(insert(FleetRestart).values(**fleet, **asked, **plan))
            slots = spread(start.at, start.per_slot, len(utms))
            items = [
                {
                    **fleet,
                    **asked,
                    "restart_id": f"{identity.subject}-{utm.registration_id}",
                    "registration_id": utm.registration_id,
                    "utm_id": utm.utm_id,
                    "state": RestartState.PLANNED,
                    "is_scheduled": True,
                    "at": at,
                }
                for utm, at in zip(utms, slots, strict=True)
            ]
            await connection.execute(insert(Restart), items)
            return FleetStanding(
                fingerprint=start.fingerprint, state=FleetRestartState.IN_PROGRESS, planned=len(items), open=len(items)
            )

        return await self._records.once(fact_of(message, "fleet_restart_asked"), FleetStanding, work)

    @activity.defn
    async def record_fleet_batch(self, message: Step) -> FleetStanding:
        """The next UTMs of the plan get their schedules; those deleted or busy this moment are left out."""

        async def work(connection: AsyncConnection) -> FleetStanding:
            planned = await connection.execute(
                _items(message)
                .where(Restart.state == RestartState.PLANNED)
                .order_by(Restart.at, Restart.utm_id)
                .limit(_AT_ONCE)
            )
            begun = [await self._schedule(connection, message, row) for row in _in_one_order(planned.all())]
            standing = await self._standing(connection, message)
            return standing.model_copy(update={"begun": _without_gaps(begun)})

        return await self._records.once(fact_of(message, "fleet_restart_spread"), FleetStanding, work)

    @activity.defn
    async def record_fleet_cancel(self, message: Step) -> FleetStanding:
        """Nothing that has not begun is to begin any more; the first batch is taken back with that (RST-08)."""

        async def work(connection: AsyncConnection) -> FleetStanding:
            await connection.execute(
                update(Restart)
                .where(
                    Restart.tenant_id == message.identity.tenant_id,
                    Restart.fleet_restart_id == message.identity.subject,
                    Restart.state == RestartState.PLANNED,
                )
                .values(state=RestartState.CANCELLED, ended_at=message.at)
            )
            return await self._take_back_some(connection, message)

        return await self._records.once(fact_of(message, "fleet_restart_cancelled"), FleetStanding, work)

    @activity.defn
    async def record_fleet_taken_back(self, message: Step) -> FleetStanding:
        """The next UTMs of a cancelled fleet lose their schedules, and their customers are told (RST-08)."""

        async def work(connection: AsyncConnection) -> FleetStanding:
            return await self._take_back_some(connection, message)

        return await self._records.once(fact_of(message, "fleet_restart_taken_back"), FleetStanding, work)

    @activity.defn
    async def record_fleet_end(self, message: Step) -> FleetStanding:
        """Each of its restarts is over."""

        async def work(connection: AsyncConnection) -> FleetStanding:
            await _close(connection, message, FleetRestartState.FINISHED, ended_at=message.at)
            return FleetStanding(state=FleetRestartState.FINISHED)

        return await self._records.once(fact_of(message, "fleet_restart_finished"), FleetStanding, work)

    @activity.defn
    async def find_fleet_standing(self, message: Step) -> FleetStanding:
        """How far it is."""
        async with self._records.database.transaction(message.identity.tenant_id) as connection:
            return await self._standing(connection, message)

    async def _schedule(self, connection: AsyncConnection, message: Step, row: Row[Any]) -> RestartStart | None:
        tenant_id = message.identity.tenant_id
        try:
            told = await rows.device(connection, tenant_id, row.registration_id)
            step = _step_of(message, told.row, row.restart_id)
            found = await rows.standing(connection, tenant_id, row.registration_id, self._durations)
            if not any(found.values()):
                await rows.begin(connection, step, told.row.customer_id)
            await orders.schedule(connection, step, told, row.at, self._durations)
        except (NotFound, RestartInProgress) as refusal:
            reason = RestartReason.DEVICE_DELETED if isinstance(refusal, NotFound) else RestartReason.BUSY
            await connection.execute(
                update(Restart)
                .where(Restart.tenant_id == tenant_id, Restart.restart_id == row.restart_id)
                .values(state=RestartState.CANCELLED, reason=reason, ended_at=message.at)
            )
            return None
        await audit.record(connection, fact_of(step, "restart_scheduled"))
        return RestartStart(identity=step.identity, registration_id=row.registration_id)

    async def _take_back_some(self, connection: AsyncConnection, message: Step) -> FleetStanding:
        """Those whose slots come first. What a device has, or has begun, is left to it; so each is met once."""
        found = await connection.execute(
            _items(message)
            .join(
                DeviceCommand,
                (DeviceCommand.tenant_id == Restart.tenant_id) & (DeviceCommand.command_id == Restart.restart_id),
            )
            .join(Utm, (Utm.tenant_id == Restart.tenant_id) & (Utm.registration_id == Restart.registration_id))
            .where(
                Restart.state == RestartState.SCHEDULED,
                DeviceCommand.state == DeviceCommandState.WAITING,
                Utm.deleted_at.is_(None),
            )
            .order_by(Restart.at, Restart.utm_id)
            .limit(_AT_ONCE + 1)
        )
        scheduled = found.all()
        begun = [await self._take_back(connection, message, row) for row in _in_one_order(scheduled[:_AT_ONCE])]
        more = len(scheduled) > _AT_ONCE
        await _close(connection, message, FleetRestartState.CANCELLED, ended_at=None if more else message.at)
        standing = await self._standing(connection, message)
        return standing.model_copy(
            update={"state": FleetRestartState.CANCELLED, "begun": _without_gaps(begun), "to_take_back": more}
        )

    async def _take_back(self, connection: AsyncConnection, message: Step, row: Row[Any]) -> RestartStart | None:
        try:
            told = await rows.device(connection, message.identity.tenant_id, row.registration_id)
        except NotFound:
            return None  # deleted this moment, and its restarts with it
        step = _step_of(message, told.row, row.restart_id)
        taken = await orders.take_back(connection, step, RestartState.CANCELLED)
        if taken is None:
            return None  # the device was faster, or its slot
        await rows.tell_customer(connection, step, Mail.UTM_RESTART_CANCELLED, told, row)
        await rows.show(connection, step, taken, self._durations)
        await audit.record(connection, fact_of(step, "restart_cancelled"))
        return RestartStart(identity=step.identity, registration_id=row.registration_id)

    async def _standing(self, connection: AsyncConnection, message: Step) -> FleetStanding:
        found = await connection.execute(
            select(Restart.state, func.count(), func.min(Restart.at))
            .where(
                Restart.tenant_id == message.identity.tenant_id,
                Restart.fleet_restart_id == message.identity.subject,
                Restart.state.in_(_UNFINISHED),
            )
            .group_by(Restart.state)
        )
        counted = {RestartState(state): (count, first) for state, count, first in found}
        patience = self._durations.restart_offer + self._durations.restart_result
        first = min((first for _, first in counted.values()), default=message.at)
        return FleetStanding(
            state=FleetRestartState.IN_PROGRESS,
            planned=counted.get(RestartState.PLANNED, (0, None))[0],
            open=sum(count for count, _ in counted.values()),
            look_at=max(first + patience, message.at) + _BETWEEN_LOOKS,
        )


async def _utms(connection: AsyncConnection, message: RecordFleet) -> list[Row[Any]]:
    start = message.start
    query = select(Utm.registration_id, Utm.utm_id).where(
        Utm.tenant_id == message.identity.tenant_id, Utm.deleted_at.is_(None)
    )
    if start.utm_ids is not None:
        query = query.where(Utm.utm_id.in_(start.utm_ids))
    if start.customer_id is not None:
        query = query.where(Utm.customer_id == start.customer_id)
    found: list[Row[Any]] = list(await connection.execute(query.order_by(Utm.customer_id, Utm.created_at, Utm.utm_id)))
    if not found or (start.utm_ids is not None and len(found) != len(start.utm_ids)):
        raise NotFound
    return found


def _items(message: Step) -> Any:  # noqa: ANN401 - a select of the whole row
    return select(Restart.__table__).where(
        Restart.tenant_id == message.identity.tenant_id, Restart.fleet_restart_id == message.identity.subject
    )


def _in_one_order(items: Sequence[Row[Any]]) -> list[Row[Any]]:
    """That in which commands are handed over: whoever holds one row and waits for another never waits for ever."""
    return sorted(items, key=lambda item: item.restart_id)


def _without_gaps(begun: list[RestartStart | None]) -> tuple[RestartStart, ...]:
    return tuple(start for start in begun if start is not None)


async def _close(
    connection: AsyncConnection, message: Step, state: FleetRestartState, *, ended_at: datetime | None
) -> None:
    """`ended_at`: of its procedure, which has more to do while a large fleet is being taken back."""
    identity = message.identity
    await connection.execute(
        update(FleetRestart)
        .where(
            FleetRestart.tenant_id == identity.tenant_id,
            FleetRestart.fleet_restart_id == identity.subject,
            FleetRestart.state == FleetRestartState.IN_PROGRESS,
        )
        .values(state=state, ended_at=message.at)
    )
    await procedures.show(
        connection, identity.tenant_id, identity.procedure_id, Standing(state=state, ended_at=ended_at)
    )


def _step_of(message: Step, utm: Row[Any], restart_id: str) -> RestartStep:
    """The same step, of the UTM's own procedure."""
    return RestartStep(
        identity=rows.restarts_of(utm),
        step=f"{message.identity.subject}-{message.step}",
        at=message.at,
        actor=message.actor,
        registration_id=utm.registration_id,
        restart_id=restart_id,
    )
