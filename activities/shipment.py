"""The shipment's steps in the database, each one transaction (SHP-01…05)."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import shipping_letters
from activities.records import Records, fact_of, tenant_row
from models import outbox, procedures, shipments
from models.calendars import is_business_day
from models.messages.procedure import Answer, Identity
from models.messages.shipment_steps import (
    BeginShipment,
    ParcelStanding,
    RecordReport,
    ShipmentStart,
    ShipmentStep,
    Stopped,
    StopShipment,
)
from models.outbox import Letter, Posting
from models.procedures import Standing
from models.rules.periods import morning_of
from models.rules.shipments import ON_THE_WAY_OUT, OVER, overdue_day
from models.tables.shipments import Shipment
from models.tables.tenants import Tenant
from models.vocabulary import ParcelKind, ShipmentState


class ShipmentActivities:
    def __init__(self, records: Records, tracking_url: str) -> None:
        self._records = records
        self._tracking_url = tracking_url

    # Steps of the contract's.

    @activity.defn
    async def record_shipment_request(self, message: BeginShipment) -> Answer:
        """Ask for a device to be sent: the row, unless the contract's own transaction has made it (SHP-01)."""

        async def work(connection: AsyncConnection) -> Answer:
            await shipments.request(connection, message.new, message.at)
            return Answer(state=ShipmentState.REQUESTED)

        return await self._records.once(fact_of(message, "shipment_requested"), Answer, work)

    @activity.defn
    async def stop_shipment(self, message: StopShipment) -> Stopped:
        """Keep here what the carrier has not been handed yet (SHP-05). Its workflow finds out and tells the carrier."""

        async def work(connection: AsyncConnection) -> Stopped:
            stopped = await connection.execute(
                update(Shipment)
                .where(*_deliveries(message), Shipment.state.in_(ON_THE_WAY_OUT))
                .values(state=ShipmentState.STOPPED, reported_at=message.at)
                .returning(Shipment.procedure_id)
            )
            told = tuple(stopped.scalars())
            if told:
                return Stopped(state=ShipmentState.STOPPED, procedure_ids=told)
            latest = select(Shipment.state).where(*_deliveries(message)).order_by(Shipment.number.desc()).limit(1)
            return Stopped(state=(await connection.execute(latest)).scalar_one_or_none() or "none")

        return await self._records.once(fact_of(message, "shipment_stop_asked"), Stopped, work)

    # Its own steps.

    @activity.defn
    async def find_shipment(self, start: ShipmentStart) -> ParcelStanding:
        """How it stands: the contract stops and redirects it in its own transactions."""
        async with self._records.database.transaction(start.identity.tenant_id) as connection:
            parcel = await shipments.find(connection, start.identity.tenant_id, start.shipment_id)
            return await self._standing(connection, parcel)

    @activity.defn
    async def record_shipment_report(self, message: RecordReport) -> ParcelStanding:
        """What the carrier reports, and the mails that come of it (SHP-01…03).

        An event that is known already is answered as the parcel stands now: it may have moved on since.
        """

        async def work(connection: AsyncConnection) -> ParcelStanding:
            before, now = await shipments.note(connection, message.identity.tenant_id, message.report)
            await self._tell_customer(connection, message, before, now)
            standing = await self._standing(connection, now)
            await _show(connection, message.identity, standing, message.at)
            return standing

        fact = fact_of(message, f"shipment_reported_{message.report.reported}")
        await self._records.once(fact, ParcelStanding, work)
        return await self.find_shipment(ShipmentStart(identity=message.identity, shipment_id=message.shipment_id))

    @activity.defn
    async def record_shipment_overdue(self, message: ShipmentStep) -> ParcelStanding:
        """It has not arrived, days after it was to (SHP-04)."""

        async def work(connection: AsyncConnection) -> ParcelStanding:
            parcel = await shipments.find(connection, message.identity.tenant_id, message.shipment_id)
            if parcel.state not in OVER:
                standing = Standing(state=parcel.state, waiting_for="overdue_carrier")
                await procedures.show(connection, message.identity.tenant_id, message.identity.procedure_id, standing)
            return ParcelStanding(state=parcel.state)

        return await self._records.once(fact_of(message, "shipment_overdue"), ParcelStanding, work)

    @activity.defn
    async def record_shipment_stopped(self, message: ShipmentStep) -> Answer:
        """It stays here, and the carrier knows (SHP-05)."""

        async def work(connection: AsyncConnection) -> Answer:
            await _show(connection, message.identity, ParcelStanding(state=ShipmentState.STOPPED), message.at)
            return Answer(state=ShipmentState.STOPPED)

        return await self._records.once(fact_of(message, "shipment_stopped"), Answer, work)

    @activity.defn
    async def record_shipment_end(self, message: ShipmentStep) -> Answer:
        """An operator has ended it."""

        async def work(connection: AsyncConnection) -> Answer:
            await connection.execute(
                update(Shipment)
                .where(
                    Shipment.tenant_id == message.identity.tenant_id,
                    Shipment.shipment_id == message.shipment_id,
                    Shipment.state.not_in(OVER),
                )
                .values(state=ShipmentState.ENDED, reported_at=message.at)
            )
            await _show(connection, message.identity, ParcelStanding(state=ShipmentState.ENDED), message.at)
            return Answer(state=ShipmentState.ENDED)

        return await self._records.once(fact_of(message, "shipment_ended"), Answer, work)

    # Private steps.

    async def _tell_customer(
        self,
        connection: AsyncConnection,
        message: RecordReport,
        before: Row[tuple[Shipment]],
        now: Row[tuple[Shipment]],
    ) -> None:
        tenant = await tenant_row(connection, message.identity.tenant_id)
        readers = await shipping_letters.contact_and_users(connection, tenant, now.customer_id)
        letters: list[Letter] = []
        if now.planned_arrival_date != before.planned_arrival_date and now.state != ShipmentState.DELIVERED:
            letters += shipping_letters.planned_arrival(tenant, now, before.planned_arrival_date, readers)
        if now.waybill_number != before.waybill_number:
            letters += shipping_letters.waybill(tenant, now, self._tracking_url, readers)
        posting = Posting(
            tenant_id=message.identity.tenant_id,
            procedure_id=message.identity.procedure_id,
            step=message.step,
            at=message.at,
        )
        await outbox.post(connection, posting, letters)

    async def _standing(self, connection: AsyncConnection, parcel: Row[tuple[Shipment]]) -> ParcelStanding:
        if parcel.planned_arrival_date is None or parcel.state in OVER:
            return ParcelStanding(state=parcel.state)
        tenant = await tenant_row(connection, parcel.tenant_id)
        return ParcelStanding(state=parcel.state, overdue_at=self._overdue_at(tenant, parcel.planned_arrival_date))

    def _overdue_at(self, tenant: Row[tuple[Tenant]], planned: date) -> datetime:
        count = self._records.durations.shipment_patience_business_days
        return morning_of(overdue_day(planned, count, is_business_day(tenant.country)), tenant.time_zone)


def _deliveries(message: StopShipment) -> list[ColumnElement[bool]]:
    """The contract's own parcels, not those of its return kits."""
    return [
        Shipment.tenant_id == message.identity.tenant_id,
        Shipment.contract_number == message.contract_number,
        Shipment.kind == ParcelKind.DELIVERY,
    ]


async def _show(connection: AsyncConnection, identity: Identity, standing: ParcelStanding, at: datetime) -> None:
    """Once overdue it stays so, whatever else the carrier says, until it arrives or has another date (SHP-04)."""
    over, overdue_at = standing.state in OVER, standing.overdue_at
    is_overdue = overdue_at is not None and overdue_at <= at
    waiting_for = "overdue_carrier" if is_overdue else "carrier"
    shown = Standing(
        state=standing.state,
        waiting_for=None if over else waiting_for,
        upcoming=[(overdue_at, "shipment_overdue_due")] if overdue_at and not is_overdue else [],
        ended_at=at if over else None,
    )
    await procedures.show(connection, identity.tenant_id, identity.procedure_id, shown)
