"""The return kits' steps in the database, each one transaction (KIT-01…05, UND-03)."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import non_return, return_kit_rows, returned_devices, shipping_letters
from activities.records import Records, fact_of, tenant_row
from activities.return_kit_rows import KitRow, change_kit, kit_row
from models import outbox, procedures, shipments
from models.messages.return_kit_steps import (
    BeginReturnKits,
    BegunKits,
    KitStanding,
    KitStep,
    RecordKitReport,
    RecordResend,
    ReturnKitStart,
    UndoneKits,
    UndoReturnKits,
)
from models.messages.shipment_steps import ReportParcel
from models.outbox import Letter, Posting
from models.procedures import Standing
from models.rules.kit_decisions import (
    BACK,
    OVER,
    RECEIVABLE,
    RESENDABLE,
    UNDER_WAY,
    UNDONE,
    device_back_after_undo,
    device_back_at,
    kit_after,
    sent_on_after,
)
from models.rules.periods import day_of
from models.rules.return_kits import kit_due_date, kit_reminders, kit_unreturned_at
from models.rules.shipments import STAYS_HERE
from models.tables.shipments import Shipment
from models.tables.tenants import Tenant
from models.vocabulary import Language, ReturnKitState

Work = Callable[[AsyncConnection], Awaitable[KitRow]]
_WAITS_FOR = {
    ReturnKitState.PLANNED: "time",
    ReturnKitState.REQUESTED: "carrier",
    ReturnKitState.SENT: "device",
    ReturnKitState.UNRETURNED: "device",
    ReturnKitState.UNDELIVERABLE: "address",
}
_TOLD_OF_SENDING = frozenset({ReturnKitState.SENT, ReturnKitState.UNDELIVERABLE})
"""Not once the device is back, or counts as kept."""


class ReturnKitActivities:
    """`non_return_charge`: whole yen, where the contract's plans name none."""

    def __init__(self, records: Records, non_return_charge: int) -> None:
        self._records = records
        self._non_return_charge = non_return_charge

    # Steps of the contract's.

    @activity.defn
    async def begin_return_kits(self, message: BeginReturnKits) -> BegunKits:
        """A kit for each of the contract's UTMs, to its installation address (KIT-01)."""

        async def work(connection: AsyncConnection) -> BegunKits:
            tenant = await tenant_row(connection, message.identity.tenant_id)
            return await return_kit_rows.plan(connection, message, tenant)

        return await self._records.once(fact_of(message, "return_kits_planned"), BegunKits, work)

    @activity.defn
    async def undo_return_kits(self, message: UndoReturnKits) -> UndoneKits:
        """Stop what is not sent, recall what is, replace what came back (UND-03). Their workflows find out."""

        async def work(connection: AsyncConnection) -> UndoneKits:
            return await return_kit_rows.undo(connection, message)

        return await self._records.once(fact_of(message, "return_kits_undone"), UndoneKits, work)

    # Its own steps.

    @activity.defn
    async def find_return_kit(self, start: ReturnKitStart) -> KitStanding:
        """How it stands: an undo changes it in its own transaction."""
        async with self._records.database.transaction(start.kit.tenant_id) as connection:
            tenant = await tenant_row(connection, start.kit.tenant_id)
            return self._standing(await kit_row(connection, start.kit), tenant)

    @activity.defn
    async def record_kit_request(self, message: KitStep) -> KitStanding:
        """The kit is to be sent: the parcel that the carrier is asked to take (KIT-01).

        Raises:
            WrongState: it has been stopped.
        """
        planned = frozenset({ReturnKitState.PLANNED})

        async def work(connection: AsyncConnection) -> KitRow:
            kit = await change_kit(connection, message.kit, planned, state=ReturnKitState.REQUESTED)
            return await return_kit_rows.send(connection, message.kit, kit, message.at)

        return await self._once(message, "return_kit_requested", work)

    @activity.defn
    async def record_kit_report(self, message: RecordKitReport) -> KitStanding:
        """What the carrier reports of a sending, and what it means for the kit (KIT-01, KIT-03, KIT-04).

        The customer is told of the latest sending, and again when its waybill or the due date becomes another. An event
        that is known already is answered as the kit stands now: it may have moved on since.
        """

        async def work(connection: AsyncConnection) -> KitRow:
            before, parcel = await shipments.note(connection, message.identity.tenant_id, message.report)
            kit = await kit_row(connection, message.kit, locked=True)
            if parcel.state in STAYS_HERE:
                return kit
            values = await _back_or_not(connection, kit, before, at=message.at)
            if parcel.shipment_id != kit.shipment_id:  # an earlier sending
                return await _changed(connection, message, kit, values)
            tenant = await tenant_row(connection, kit.tenant_id)
            now = await _changed(connection, message, kit, values | self._days(kit, message.report, tenant))
            told, to_tell = (kit.due_date, before.waybill_number), (now.due_date, parcel.waybill_number)
            if now.state in _TOLD_OF_SENDING and now.due_date is not None and told != to_tell:
                readers = await shipping_letters.contact(connection, tenant, kit.customer_id)
                await _post(connection, message, shipping_letters.kit_sent(tenant, now, parcel, readers))
            return now

        reported = await self._once(message, f"return_kit_reported_{message.report.reported}", work)
        now = await self.find_return_kit(ReturnKitStart(kit=message.kit))
        return now.model_copy(update={"replacement": reported.replacement})

    @activity.defn
    async def record_kit_received(self, message: KitStep) -> KitStanding:
        """The device is back; a charge for it is reversed (KIT-04). If the kit was undone, it goes out again (UND-03).

        Raises:
            WrongState: no kit was asked for, or it is over.
        """

        async def work(connection: AsyncConnection) -> KitRow:
            kit = await kit_row(connection, message.kit, locked=True)
            if kit.state == ReturnKitState.RECALLED:
                return await change_kit(connection, message.kit, UNDONE, received_at=kit.received_at or message.at)
            return await _note_received(connection, message, message.at)

        return await self._once(message, "return_kit_received", work)

    @activity.defn
    async def record_kit_resend(self, message: RecordResend) -> KitStanding:
        """Sent again, to the corrected address (KIT-03). One that is only planned has its address corrected.

        Raises:
            WrongState: the device is back, or the kit is over. NotFound: the customer has been deleted.
        """
        command = message.command

        async def work(connection: AsyncConnection) -> KitRow:
            await return_kit_rows.hold_customer(connection, message.kit)
            given = {"postal_code": command.postal_code, "address": command.address}
            corrected = {name: value for name, value in given.items() if value is not None}
            before = await change_kit(connection, message.kit, RESENDABLE, **corrected)
            if before.state == ReturnKitState.PLANNED:
                return before
            await change_kit(connection, message.kit, RESENDABLE, state=ReturnKitState.REQUESTED)
            return await return_kit_rows.send(connection, message.kit, before, message.at)

        return await self._once(message, "return_kit_resent", work)

    @activity.defn
    async def record_kit_waiver(self, message: KitStep) -> KitStanding:
        """No charge for the device, and one that was made is reversed (KIT-04).

        Raises:
            WrongState: the device is back, or the kit is over.
        """

        async def work(connection: AsyncConnection) -> KitRow:
            kit = await change_kit(connection, message.kit, UNDER_WAY, waived=True)
            await non_return.reverse(connection, kit, message.at)
            return kit

        return await self._once(message, "return_kit_waived", work)

    @activity.defn
    async def record_kit_reminder(self, message: KitStep) -> KitStanding:
        """The customer is reminded to send the device (KIT-04)."""

        async def work(connection: AsyncConnection) -> KitRow:
            kit = await change_kit(connection, message.kit, frozenset({ReturnKitState.SENT}))
            tenant = await tenant_row(connection, kit.tenant_id)
            readers = await shipping_letters.contact(connection, tenant, kit.customer_id)
            await _post(connection, message, shipping_letters.kit_reminder(tenant, kit, readers))
            return kit

        return await self._once(message, "return_kit_reminder", work)

    @activity.defn
    async def record_kit_unreturned(self, message: KitStep) -> KitStanding:
        """The device stays away: staff are told, and it is charged unless that is waived (KIT-04)."""
        sent = frozenset({ReturnKitState.SENT})

        async def work(connection: AsyncConnection) -> KitRow:
            kit = await change_kit(connection, message.kit, sent, state=ReturnKitState.UNRETURNED)
            tenant = await tenant_row(connection, kit.tenant_id)
            charged = await non_return.charge(connection, kit, message.at, otherwise=self._non_return_charge)
            words = shipping_letters.charge_in_words(charged, Language(tenant.language))
            await _post(connection, message, await shipping_letters.kit_unreturned(connection, tenant, kit, words))
            return kit

        return await self._once(message, "return_kit_unreturned", work)

    @activity.defn
    async def record_kit_closed(self, message: KitStep) -> KitStanding:
        """The device is back and nothing is left to do."""

        async def work(connection: AsyncConnection) -> KitRow:
            return await change_kit(connection, message.kit, BACK, state=ReturnKitState.CLOSED)

        return await self._once(message, "return_kit_closed", work)

    @activity.defn
    async def record_kit_undone(self, message: KitStep) -> KitStanding:
        """The cancellation is undone: a kit that was sent is recalled by mail, and a charge reversed (UND-03)."""

        async def work(connection: AsyncConnection) -> KitRow:
            kit = await kit_row(connection, message.kit, locked=True)
            await outbox.withdraw(connection, kit.tenant_id, kit.procedure_id)
            await non_return.reverse(connection, kit, message.at)
            if kit.state == ReturnKitState.RECALLED:
                tenant = await tenant_row(connection, kit.tenant_id)
                readers = await shipping_letters.contact(connection, tenant, kit.customer_id)
                await _post(connection, message, shipping_letters.kit_recalled(tenant, kit, readers))
            return kit

        return await self._once(message, "return_kit_undone", work)

    @activity.defn
    async def record_kit_end(self, message: KitStep) -> KitStanding:
        """An operator has ended it."""
        open_states = frozenset(ReturnKitState) - OVER

        async def work(connection: AsyncConnection) -> KitRow:
            return await change_kit(connection, message.kit, open_states, state=ReturnKitState.ENDED)

        return await self._once(message, "return_kit_ended", work)

    # Private steps.

    async def _once(self, message: KitStep, what: str, work: Work) -> KitStanding:
        async def done(connection: AsyncConnection) -> KitStanding:
            tenant = await tenant_row(connection, message.identity.tenant_id)
            kit = await work(connection)
            standing = self._standing(kit, tenant)
            await _show(connection, message, kit, standing)
            replacement = await returned_devices.replace(connection, message, kit)
            return standing.model_copy(update={"replacement": replacement})

        return await self._records.once(fact_of(message, what), KitStanding, done)

    def _days(self, kit: KitRow, report: ReportParcel, tenant: Row[tuple[Tenant]]) -> dict[str, object]:
        """Day 0, and with it all that is counted from it, once the report of the latest sending is known."""
        sent_on = sent_on_after(kit.sent_on, report.reported, day_of(report.occurred_at, tenant.time_zone))
        if sent_on is None or sent_on == kit.sent_on:
            return {}
        return {"sent_on": sent_on, "due_date": kit_due_date(sent_on, self._records.durations.return_kit_due)}

    def _standing(self, kit: KitRow, tenant: Row[tuple[Tenant]]) -> KitStanding:
        standing = KitStanding(
            state=kit.state,
            requested_at=kit.requested_at,
            shipment_id=kit.shipment_id,
            waived=kit.waived,
            version=kit.version,
        )
        if kit.state != ReturnKitState.SENT or kit.sent_on is None:
            return standing
        durations = self._records.durations
        dates = {
            "reminders": tuple(kit_reminders(kit.sent_on, tenant.time_zone, durations.return_kit_reminders)),
            "unreturned_at": kit_unreturned_at(kit.sent_on, tenant.time_zone, durations.return_kit_patience),
        }
        return standing.model_copy(update=dates)


async def _back_or_not(
    connection: AsyncConnection, kit: KitRow, before: Row[tuple[Shipment]], *, at: datetime
) -> dict[str, object]:
    """What all its sendings make of the kit now. `before`: one of them as it was until the report.

    That the device is back holds once staff have said so, or an undo has gone by it (UND-03).
    """
    rows = await shipments.sendings(connection, kit)
    now = [shipments.parcel_of(row) for row in rows]
    is_settled = False
    if kit.state in BACK:
        known = [shipments.parcel_of(before if row.shipment_id == before.shipment_id else row) for row in rows]
        said_by_carrier = kit.received_at == device_back_at(known)
        is_settled = not said_by_carrier or not await return_kit_rows.is_wanted(connection, kit)
    if kit.state in UNDONE:  # that the device has come back all the same holds, and goes before what is sent for it
        back_at = device_back_after_undo(ReturnKitState(kit.state), now)
        return {"received_at": kit.received_at or (back_at and min(back_at, at))}
    state = kit_after(ReturnKitState(kit.state), now, is_settled=is_settled)
    if is_settled:
        return {"state": state}
    return {"state": state, "received_at": device_back_at(now) if state in BACK else None}


async def _changed(
    connection: AsyncConnection, message: RecordKitReport, kit: KitRow, values: dict[str, object]
) -> KitRow:
    """The kit with those values; what comes of its new state is done."""
    news = {name: value for name, value in values.items() if value != getattr(kit, name)}
    if not news:
        return kit
    now = await change_kit(connection, message.kit, frozenset({ReturnKitState(kit.state)}), **news)
    if "state" in news and now.state == ReturnKitState.UNDELIVERABLE:
        tenant = await tenant_row(connection, kit.tenant_id)
        await _post(connection, message, await shipping_letters.kit_undeliverable(connection, tenant, now))
    elif "state" in news and now.state == ReturnKitState.RECEIVED:
        await non_return.reverse(connection, now, message.at)
    return now


async def _note_received(connection: AsyncConnection, message: KitStep, at: datetime) -> KitRow:
    kit = await change_kit(connection, message.kit, RECEIVABLE, state=ReturnKitState.RECEIVED, received_at=at)
    await non_return.reverse(connection, kit, message.at)
    return kit


async def _post(connection: AsyncConnection, message: KitStep, letters: list[Letter]) -> None:
    identity = message.identity
    posting = Posting(
        tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=message.step, at=message.at
    )
    await outbox.post(connection, posting, letters)


async def _show(connection: AsyncConnection, message: KitStep, kit: KitRow, standing: KitStanding) -> None:
    state = ReturnKitState(kit.state)
    upcoming = [(at, "remind_return") for at in standing.reminders if at > message.at]
    if standing.unreturned_at is not None:
        upcoming.append((standing.unreturned_at, "charge_non_return"))
    if state is ReturnKitState.PLANNED:
        upcoming.append((kit.requested_at, "request_return_kit"))
    shown = Standing(
        state=state,
        waiting_for=_WAITS_FOR.get(state),
        upcoming=upcoming,
        ended_at=message.at if state in OVER else None,
    )
    await procedures.show(connection, kit.tenant_id, kit.procedure_id, shown)
