"""A return kit (KIT-01…05): what fetches one UTM back after its contract's end.

On the first business day after the cancellation date the carrier is asked to bring the kit; from the day it is sent the
customer has fifty-six days, with reminders. A device that stays away is charged; when it comes after all, the charge is
reversed. An undo of the cancellation stops or recalls the kit in its own transaction and nudges this workflow (UND-03).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.carrier import CarrierActivities
from activities.outcomes import refused
from activities.procedures import ProcedureActivities
from activities.return_kit import ReturnKitActivities
from models.messages.procedure import BeginProcedure, BeginProcedures, Command, Nudges, Upcoming
from models.messages.return_kit_steps import (
    BeginReturnKits,
    KitIds,
    KitStanding,
    KitStep,
    RecordKitReport,
    RecordResend,
    ResendKit,
    ReturnKitStart,
    UndoneKits,
    UndoReturnKits,
)
from models.messages.shipment_steps import BeginShipment, CarryParcel, NewShipment, ReportParcel
from models.refusals import WrongState
from models.rules.kit_decisions import BACK, NOT_SENT, RECEIVABLE, RESENDABLE, UNDER_WAY
from models.vocabulary import ReturnKitState
from workflows import search_attributes
from workflows.nudge import Nudged
from workflows.operator_notices import OperatorNotices
from workflows.procedure import EndedByOperatorError, Procedure
from workflows.shipment import begin_shipment

_UNDELIVERABLE = "undeliverable"
_KEEPS_HERE = "needless-kits-stay-here"
_TAKES_BACK = "recalled-kits-take-back-what-comes"
_STARTED_WITH_ONE_MESSAGE = 50
_WAITING_FOR = {
    ReturnKitState.PLANNED: "the first business day after the cancellation date",
    ReturnKitState.REQUESTED: "the carrier to report",
    ReturnKitState.SENT: "the customer to send the device",
    ReturnKitState.UNDELIVERABLE: "staff to correct the address and have the kit sent again",
    ReturnKitState.UNRETURNED: "the device, which may still come",
}


@dataclass
class State:
    """`reminders`: those still to come. `told`: the sending that the carrier has been asked to take."""

    standing: KitStanding | None = None
    reminders: list[datetime] = field(default_factory=list)
    told: str | None = None
    settled: ReturnKitState | None = None
    """What it had come to when its story was told."""


@workflow.defn(name="ReturnKit")
class ReturnKit(Nudged, OperatorNotices):
    @workflow.init
    def __init__(self, start: ReturnKitStart) -> None:
        super().__init__(start.kit.identity)
        self._start = start
        self._now = State()

    @workflow.run
    async def run(self, start: ReturnKitStart) -> str:
        while True:
            await self.tell_story(self._story)
            # While its last mails went out the carrier may have said that no device is back, and staff that it is.
            if self._state is self._now.settled or self._cut_short_by is not None:
                return self._state

    async def _story(self) -> None:
        await self._look()
        while self._state in UNDER_WAY:
            await self._wait()
            if self.nudged:
                await self._look()
            elif self._state in UNDER_WAY and (due := self._due()) and workflow.now() >= due:
                await self._do_what_is_due(due)
        if self._now.standing is not None and self._state is ReturnKitState.RECEIVED:
            # A kit can be closed again, after news that no device was back.
            await self._record(ReturnKitActivities.record_kit_closed, f"close-{self._now.standing.version}")
        elif self._state in (ReturnKitState.STOPPED, ReturnKitState.RECALLED):
            await self._undo()
        await self.settle_notice(_UNDELIVERABLE)
        self._now.settled = self._state

    async def _wait(self) -> None:
        standing, due = self._now.standing, self._due()
        await self.wait_until(
            lambda: self.nudged or self._now.standing is not standing,
            due,
            summary=self._upcoming()[0].what.replace("_", " ").capitalize() if due else "",
        )

    async def _do_what_is_due(self, due: datetime) -> None:
        """Whoever was faster, an undo or the carrier: the row says so, and is looked at again."""
        try:
            async with self.turn():
                if self._state is ReturnKitState.PLANNED:
                    await self._record(ReturnKitActivities.record_kit_request, "request")
                elif self._now.reminders:
                    self._now.reminders.pop(0)
                    await self._record(ReturnKitActivities.record_kit_reminder, f"reminder-{due.isoformat()}")
                else:
                    await self._record(ReturnKitActivities.record_kit_unreturned, f"unreturned-{due.isoformat()}")
        except EndedByOperatorError:
            raise
        except ApplicationError:
            await self._look()

    # Commands.

    @workflow.update(description="What the carrier reports of a sending: any event, late, twice or out of order.")
    async def report(self, command: ReportParcel) -> KitStanding:
        async with self.turn():
            step = self._step(f"event-{command.shipment_id}-{command.event_id}", command.actor)
            message = RecordKitReport(**step.model_dump(), report=command)
            return await self._take(await self.record(ReturnKitActivities.record_kit_report, message), command)

    @workflow.update(description="The device is back (KIT-01).")
    async def received(self, command: Command) -> KitStanding:
        if self._now.standing is None:  # it has begun with this: the story is still to look
            await workflow.wait_condition(lambda: self._now.standing is not None)
        async with self.turn():
            was_recalled = self._state is ReturnKitState.RECALLED
            self._refuse_unless(RECEIVABLE if not was_recalled or workflow.patched(_TAKES_BACK) else UNDER_WAY)
            step = self._step(f"received-{command.command_id}", command.actor)
            return await self._take(await self.record(ReturnKitActivities.record_kit_received, step), command)

    @workflow.update(description="Send the kit again, to the address as corrected (KIT-03).")
    async def resend(self, command: ResendKit) -> KitStanding:
        async with self.turn():
            self._refuse_unless(RESENDABLE)
            step = self._step(f"resend-{command.command_id}", command.actor)
            message = RecordResend(**step.model_dump(), command=command)
            return await self._take(await self.record(ReturnKitActivities.record_kit_resend, message), command)

    @workflow.update(
        description="No charge for the device, should it stay away; one that was made is reversed (KIT-04)."
    )
    async def waive(self, command: Command) -> KitStanding:
        async with self.turn():
            self._refuse_unless(UNDER_WAY)
            step = self._step(f"waive-{command.command_id}", command.actor)
            return await self._take(await self.record(ReturnKitActivities.record_kit_waiver, step), command)

    @report.validator
    def _refuse_report(self, command: ReportParcel) -> None:
        """Nothing that the carrier says is refused: it matters also once the kit is over."""

    @received.validator
    def _refuse_receipt(self, command: Command) -> None:
        if self._now.standing is not None:
            self._refuse_at_once_unless(RECEIVABLE)

    @resend.validator
    def _refuse_resend(self, command: ResendKit) -> None:
        self._refuse_at_once_unless(RESENDABLE)

    @waive.validator
    def _refuse_waiver(self, command: Command) -> None:
        self._refuse_at_once_unless(UNDER_WAY)

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        if self._state in NOT_SENT:
            self._leave_here()
        self._now.standing = await self.record(ReturnKitActivities.record_kit_end, self._step("end", actor))

    async def _look(self) -> None:
        self.nudged = False
        async with self.turn():
            await self._take(await self.record(ReturnKitActivities.find_return_kit, self._start))

    async def _undo(self) -> None:
        """Told of an undo, the carrier leaves the kit here, or the customer keeps the device (UND-03)."""
        if self._state is ReturnKitState.STOPPED:
            self._leave_here()
        await self.give_up_refused_mails("system")
        await self._record(ReturnKitActivities.record_kit_undone, "undone")

    def _leave_here(self) -> None:
        if self._now.told is not None:
            self.outside(
                CarrierActivities.cancel_parcel, self._parcel(self._now.told), summary="Tell the carrier: no kit"
            )

    async def _record(self, activity: Callable[[Any, Any], Awaitable[KitStanding]], step: str) -> None:
        await self._take(await self.record(activity, self._step(step, "system")))

    async def _take(self, standing: KitStanding, command: Command | None = None) -> KitStanding:
        """What the row says now: the carrier is asked for a new sending, mails go out, the Web UI is told."""
        before, self._now.standing = self._now.standing, standing
        if before is None or before.reminders != standing.reminders:
            self._now.reminders = [at for at in standing.reminders if at > workflow.now()]
        if self._state is ReturnKitState.REQUESTED and standing.shipment_id != self._now.told and standing.shipment_id:
            if before is not None and before.state == ReturnKitState.REQUESTED:
                self._leave_here()  # the sending before, perhaps to a wrong address
            self._now.told = standing.shipment_id
            self.outside(
                CarrierActivities.request_parcel,
                self._parcel(standing.shipment_id),
                summary="Ask the carrier to take it",
            )
        elif self._is_needless(before) and workflow.patched(_KEEPS_HERE):
            self._leave_here()
        if self._state is ReturnKitState.UNDELIVERABLE:
            self.notice(_UNDELIVERABLE, "the carrier could not deliver the kit: the address has to be corrected")
        else:
            await self.settle_notice(_UNDELIVERABLE)
        self.stand(self._state, waiting_for=_WAITING_FOR.get(self._state, "nothing"), upcoming=self._upcoming())
        self.deliver_mails()
        if standing.replacement is not None:
            identity = standing.replacement.identity
            await self.begin("Shipment", standing.replacement, identity, summary=f"Shipment {identity.subject}")
        return standing.model_copy(update={"fingerprint": command.fingerprint if command else ""})

    def _is_needless(self, before: KitStanding | None) -> bool:
        """The device is back, and the kit that was to fetch it has not left."""
        return before is not None and before.state == ReturnKitState.REQUESTED and self._state in BACK

    def _upcoming(self) -> list[Upcoming]:
        standing = self._now.standing
        if standing is None or self._state not in UNDER_WAY:
            return []
        if self._state is ReturnKitState.PLANNED:
            return [Upcoming(at=standing.requested_at, what="request_return_kit")]
        upcoming = [Upcoming(at=at, what="remind_return") for at in self._now.reminders]
        if standing.unreturned_at is not None:
            upcoming.append(Upcoming(at=standing.unreturned_at, what="charge_non_return"))
        return upcoming

    def _due(self) -> datetime | None:
        upcoming = self._upcoming()
        return upcoming[0].at if upcoming else None

    @property
    def _state(self) -> ReturnKitState:
        return ReturnKitState(self._now.standing.state) if self._now.standing else ReturnKitState.PLANNED

    def _parcel(self, shipment_id: str) -> CarryParcel:
        return CarryParcel(tenant_id=self.identity.tenant_id, shipment_id=shipment_id)

    def _step(self, step: str, actor: str) -> KitStep:
        return KitStep(identity=self.identity, step=step, at=workflow.now(), actor=actor, kit=self._start.kit)

    def _refuse_at_once_unless(self, allowed: frozenset[ReturnKitState]) -> None:
        """Whoever comes while a step is being recorded is judged in turn."""
        if not self.is_moving:
            self._refuse_unless(allowed)

    def _refuse_unless(self, allowed: frozenset[ReturnKitState]) -> None:
        if self._state not in allowed:
            raise refused(WrongState(state=self._state))


# What the contract's workflow calls.


async def begin_return_kits(contract: Procedure, order: BeginReturnKits) -> None:
    """A kit, and a procedure of its own, for each UTM of the contract that has ended (KIT-01, KIT-05)."""
    begun = await contract.record(ReturnKitActivities.begin_return_kits, order)
    orders = [_order(order, utm_id) for utm_id in begun.utm_ids]
    for first in range(0, len(orders), _STARTED_WITH_ONE_MESSAGE):
        some = tuple(orders[first : first + _STARTED_WITH_ONE_MESSAGE])
        await contract.record(ProcedureActivities.begin_procedures, BeginProcedures(orders=some))


async def undo_return_kits(contract: Procedure, order: UndoReturnKits) -> UndoneKits:
    """UND-03: stops, recalls, or sends the device again. Complete with its answer, but for mails and the carrier."""
    undone = await contract.record(ReturnKitActivities.undo_return_kits, order)
    await contract.record(ProcedureActivities.nudge_procedures, Nudges(procedure_ids=undone.procedure_ids))
    for asked in undone.replacements:
        step, new = f"{order.step}-replacement-{asked.number}", NewShipment.model_validate(asked.model_dump())
        await begin_shipment(
            contract, BeginShipment(identity=order.identity, step=step, at=order.at, actor=order.actor, new=new)
        )
    return undone


def _order(order: BeginReturnKits, utm_id: str) -> BeginProcedure:
    kit = KitIds(
        tenant_id=order.identity.tenant_id,
        contract_number=order.contract_number,
        customer_id=order.customer_id,
        utm_id=utm_id,
        ended_on=order.ended_on,
    )
    return BeginProcedure(
        workflow="ReturnKit",
        identity=kit.identity,
        start=ReturnKitStart(kit=kit).model_dump(mode="json"),
        search_attributes=search_attributes.named(kit.identity),
        summary=f"Return kit {kit.identity.subject}",
    )
