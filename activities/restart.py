"""The restart's steps in the database, each one transaction (RST-01…07)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import restart_orders as orders
from activities import restart_rows as rows
from activities.records import Records, fact_of, second_fact_of
from models import audit, device_commands, outbox
from models.audit import Fact
from models.device_refusals import RestartInProgress, UtmOffline
from models.device_vocabulary import DeviceCommandState, RestartReason, RestartState
from models.durations import Durations
from models.messages.restart_steps import (
    RecordRestartReport,
    RecordRestartRequest,
    RestartStanding,
    RestartStart,
    RestartStep,
)
from models.refusals import FieldError, InvalidInput, WrongState
from models.rules.restarts import IN_THE_PAST
from models.rules.utm_devices import connection as connection_of
from models.tables.devices import Restart, UtmConnection
from models.vocabulary import Connection, Mail

_REPORTED = {
    # A device whose clock's slot has come may be ahead of the procedure's own.
    DeviceCommandState.STARTED: ((RestartState.SCHEDULED, RestartState.REQUESTED), RestartState.IN_PROGRESS),
    DeviceCommandState.SUCCEEDED: (rows.OPEN, RestartState.SUCCEEDED),
    DeviceCommandState.FAILED: (rows.OPEN, RestartState.FAILED),
}


class RestartActivities:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._durations = records.durations

    @activity.defn
    async def record_restart_request(self, message: RecordRestartRequest) -> RestartStanding:
        """A restart at once or at a slot, and the command that will be on offer to the device (RST-01…03).

        Raises:
            NotFound: the UTM has been deleted. InvalidInput: the slot has passed.
            RestartInProgress: the last one is not over. UtmOffline: nobody is there to restart at once.
        """
        tenant_id = message.identity.tenant_id

        async def work(connection: AsyncConnection) -> RestartStanding:
            told = await rows.device(connection, tenant_id, message.registration_id)
            found = await rows.standing(connection, tenant_id, message.registration_id, self._durations)
            if not any(found.values()):
                await rows.begin(connection, message, told.row.customer_id)
            if message.slot is None:
                if found["current"] is not None:
                    raise RestartInProgress(state=found["current"].state)
                await self._refuse_offline(connection, message)
                row = await orders.order(connection, message, RestartState.REQUESTED, durations=self._durations)
                return await rows.show(connection, message, row, self._durations)
            if message.slot <= message.at:
                raise InvalidInput(errors=[FieldError("when", IN_THE_PAST)])
            return await orders.schedule(connection, message, told, message.slot, self._durations)

        what = "restart_requested" if message.slot is None else "restart_scheduled"
        return await self._records.once(fact_of(message, what), RestartStanding, work)

    @activity.defn
    async def record_restart_cancel(self, message: RestartStep) -> RestartStanding:
        """The schedule is taken back; the device never hears of it (RST-04).

        Raises:
            WrongState: it has begun, or there is none.
        """

        async def work(connection: AsyncConnection) -> RestartStanding:
            row = await orders.take_back(connection, message, RestartState.CANCELLED)
            if row is None:
                raise WrongState(state=RestartState.IN_PROGRESS)
            told = await rows.device(connection, message.identity.tenant_id, message.registration_id)
            await rows.tell_customer(connection, message, Mail.UTM_RESTART_CANCELLED, told, row)
            shown = await rows.show(connection, message, row, self._durations)
            return shown.model_copy(update={"mails": True})

        return await self._records.once(fact_of(message, "restart_cancelled"), RestartStanding, work)

    @activity.defn
    async def record_restart_slot(self, message: RestartStep) -> RestartStanding:
        """The slot has come: it is on offer to the device from now on (RST-05), late if it has to be (RST-07)."""

        async def work(connection: AsyncConnection) -> RestartStanding:
            row = await rows.move(connection, message, (RestartState.SCHEDULED,), RestartState.REQUESTED)
            until = message.at + self._durations.restart_offer
            tenant_id = message.identity.tenant_id
            await device_commands.offer_until(connection, tenant_id, message.restart_id, until)
            await device_commands.ring(connection, tenant_id, message.registration_id)
            return await rows.show(connection, message, row, self._durations)

        return await self._records.once(fact_of(message, "restart_slot_reached"), RestartStanding, work)

    @activity.defn
    async def record_restart_missed(self, message: RestartStep) -> RestartStanding:
        """Too late to begin now: it is not begun, and the customer hears so (RST-07).

        Also when the device has been handed it: it begins once its word of that is heard, and is told to forget it.

        Raises:
            WrongState: it is not scheduled any more.
        """
        tenant_id, missed = message.identity.tenant_id, {"ended_at": message.at}

        async def work(connection: AsyncConnection) -> RestartStanding:
            row = await rows.move(connection, message, (RestartState.SCHEDULED,), RestartState.MISSED, **missed)
            if row is None:
                raise WrongState(state=await _state(connection, message))
            withdrawn = DeviceCommandState.WITHDRAWN
            await device_commands.settle(connection, tenant_id, message.restart_id, withdrawn, message.at)
            told = await rows.device(connection, tenant_id, message.registration_id)
            await rows.tell_customer(connection, message, Mail.UTM_RESTART_MISSED, told, row)
            shown = await rows.show(connection, message, row, self._durations)
            return shown.model_copy(update={"mails": True})

        return await self._records.once(fact_of(message, "restart_missed"), RestartStanding, work)

    @activity.defn
    async def record_restart_report(self, message: RecordRestartReport) -> RestartStanding:
        """The device has begun, or is back, or could not (RST-05, RST-06).

        Raises:
            WrongState: it is over already.
        """
        before, state = _REPORTED[message.state]

        async def work(connection: AsyncConnection) -> RestartStanding:
            over = message.state is not DeviceCommandState.STARTED
            values: dict[str, Any] = {"ended_at": message.at} if over else {"begun_at": message.at}
            if state is RestartState.FAILED:
                values |= {"reason": RestartReason.DEVICE, "detail": message.detail}
            row = await rows.move(connection, message, before, state, **values)
            if row is None:
                raise WrongState(state=await _state(connection, message))
            tenant_id = message.identity.tenant_id
            await device_commands.settle(connection, tenant_id, message.restart_id, message.state, message.at)
            if state is RestartState.FAILED:
                return await self._failed(connection, message, row, fact)
            return await rows.show(connection, message, row, self._durations)

        fact = fact_of(message, f"restart_{state}")
        return await self._records.once(fact, RestartStanding, work)

    @activity.defn
    async def record_restart_given_up(self, message: RestartStep) -> RestartStanding:
        """Nobody confirmed it in time, or nobody said how it ended (RST-05)."""

        async def work(connection: AsyncConnection) -> RestartStanding:
            seen = await self._connection(connection, message)
            unheard = RestartReason.NOT_CONFIRMED if seen is Connection.ONLINE else RestartReason.OFFLINE
            failed = {"ended_at": message.at}
            row = await rows.move(
                connection, message, (RestartState.REQUESTED,), RestartState.FAILED, reason=unheard, **failed
            ) or await rows.move(
                connection,
                message,
                (RestartState.IN_PROGRESS,),
                RestartState.FAILED,
                reason=RestartReason.NO_RESULT,
                **failed,
            )
            await device_commands.settle(
                connection, message.identity.tenant_id, message.restart_id, DeviceCommandState.EXPIRED, message.at
            )
            return await self._failed(connection, message, row, fact)

        fact = fact_of(message, "restart_failed")
        return await self._records.once(fact, RestartStanding, work)

    @activity.defn
    async def record_restart_end(self, message: RestartStep) -> RestartStanding:
        """All that is open ends by an operator's word; what the device has begun, it ends by itself."""

        async def work(connection: AsyncConnection) -> RestartStanding:
            await _close_all(connection, message, RestartReason.ENDED_BY_OPERATOR)
            return await rows.show(connection, message, None, self._durations)

        return await self._records.once(fact_of(message, "restarts_ended"), RestartStanding, work)

    @activity.defn
    async def find_restarts(self, start: RestartStart) -> RestartStanding:
        """What is open at the UTM: others, a fleet restart or a deletion, may have changed it."""
        tenant_id = start.identity.tenant_id
        async with self._records.database.transaction(tenant_id) as connection:
            registration_id = await rows.present_registration(connection, start)
            found = await rows.standing(connection, tenant_id, registration_id, self._durations)
            mails = await outbox.is_waiting(connection, tenant_id, start.identity.procedure_id)
            return RestartStanding(state="open", mails=mails, registration_id=registration_id, **found)

    async def _failed(
        self, connection: AsyncConnection, step: RestartStep, row: Row[Any] | None, fact: Fact
    ) -> RestartStanding:
        """Why goes into the log; what the device said does not: nothing can be taken out of there again."""
        told = False
        if row is not None:
            fact.detail["reason"] = row.reason
            told = await rows.tell_failure(connection, step, row)
        shown = await rows.show(connection, step, row, self._durations)
        return shown.model_copy(update={"mails": told})

    async def _refuse_offline(self, connection: AsyncConnection, step: RestartStep) -> None:
        seen = await self._connection(connection, step)
        if seen is not Connection.ONLINE:
            raise UtmOffline(state=seen)

    async def _connection(self, connection: AsyncConnection, step: RestartStep) -> Connection:
        last = await connection.scalar(
            select(UtmConnection.last_connected_at).where(
                UtmConnection.tenant_id == step.identity.tenant_id,
                UtmConnection.registration_id == step.registration_id,
            )
        )
        return connection_of(last, step.at, self._durations.utm_silence)


async def close_restarts(
    connection: AsyncConnection, utm: Row[Any], durations: Durations, *, at: datetime, actor: str
) -> str:
    """With a UTM that is being deleted end its restarts (UTM-04). Returns the procedure that has to hear of it."""
    identity = rows.restarts_of(utm)
    step = RestartStep(identity=identity, step="", at=at, actor=actor, registration_id=utm.registration_id)
    if await _close_all(connection, step, RestartReason.DEVICE_DELETED):
        await audit.record(connection, second_fact_of(step, "restarts_ended_with_utm"))
        await rows.show(connection, step, None, durations)
    return identity.procedure_id


async def _close_all(connection: AsyncConnection, step: RestartStep, reason: RestartReason) -> int:
    """End everything that is open at the UTM, and take back what is on offer to it. Returns how many there were."""
    tenant_id = step.identity.tenant_id
    found = await connection.execute(
        select(Restart.restart_id)
        .where(
            Restart.tenant_id == tenant_id,
            Restart.registration_id == step.registration_id,
            Restart.state.in_(rows.OPEN),
        )
        .order_by(Restart.restart_id)
        .with_for_update()  # the restart before its command, as everybody else
    )
    open_ones = found.scalars().all()
    for restart_id in open_ones:
        one = step.model_copy(update={"restart_id": restart_id})
        await device_commands.settle(connection, tenant_id, restart_id, DeviceCommandState.WITHDRAWN, step.at)
        await rows.move(connection, one, rows.OPEN, RestartState.CANCELLED, reason=reason, ended_at=step.at)
    return len(open_ones)


async def _state(connection: AsyncConnection, step: RestartStep) -> str:
    state = await connection.scalar(
        select(Restart.state).where(Restart.tenant_id == step.identity.tenant_id, Restart.restart_id == step.restart_id)
    )
    return state or DeviceCommandState.WITHDRAWN
