"""The sending of a UTM (SHP-01…05): the carrier is asked, and this hears what becomes of the parcel until it arrives.

What the carrier reports may come twice, late or in any order; the state only moves on. Told of a parcel that has
arrived, this begins again, records it, mails what is to be mailed, and ends. The contract stops or redirects the parcel
in its own transaction and nudges this workflow, which then tells the carrier.
"""

from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from activities.carrier import CarrierActivities
from activities.outcomes import refused
from activities.procedures import ProcedureActivities
from activities.shipment import ShipmentActivities
from models.messages.procedure import Answer, Nudges, Upcoming
from models.messages.shipment_steps import (
    BeginShipment,
    CarryParcel,
    ParcelStanding,
    RecordReport,
    ReportParcel,
    ShipmentStart,
    ShipmentStep,
    Stopped,
    StopShipment,
)
from models.refusals import WrongState
from models.rules.shipments import OVER, STAYS_HERE
from models.vocabulary import ShipmentState
from workflows.nudge import Nudged
from workflows.operator_notices import OperatorNotices
from workflows.procedure import Procedure

_OVERDUE = "overdue"
_ASTRAY = "astray"
_LOST = frozenset({ShipmentState.UNDELIVERABLE, ShipmentState.RETURNED})


@dataclass
class State:
    standing: ParcelStanding
    told_overdue: bool = False


@workflow.defn(name="Shipment")
class Shipment(Nudged, OperatorNotices):
    @workflow.init
    def __init__(self, start: ShipmentStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now = State(ParcelStanding(state=ShipmentState.REQUESTED))

    @workflow.run
    async def run(self, start: ShipmentStart) -> str:
        await self.tell_story(self._story)
        return self._now.standing.state

    async def _story(self) -> None:
        await self._look()
        while not self._is_over():
            await self._wait()
            if self.nudged:
                await self._look()
            else:
                async with self.turn():
                    if self._is_overdue():
                        await self._tell_overdue()
        if self._now.standing.state == ShipmentState.STOPPED:
            await self._stay_here()
        for step in (_OVERDUE, _ASTRAY):
            await self.settle_notice(step)
        self._stand()

    async def _wait(self) -> None:
        deadline = self._deadline()
        await self.wait_until(
            lambda: self._is_over() or self.nudged or self._deadline() != deadline,
            deadline,
            summary="Tell the operator that it has not arrived",
        )

    @workflow.update(description="What the carrier reports: any event, however late, twice or out of order.")
    async def report(self, command: ReportParcel) -> Answer:
        async with self.turn():
            message = RecordReport(
                **self._step(f"event-{command.event_id}", command.actor).model_dump(), report=command
            )
            standing = await self.record(ShipmentActivities.record_shipment_report, message)
            await self._take(standing)
        self.deliver_mails()
        return Answer(fingerprint=command.fingerprint, state=standing.state)

    @report.validator
    def _refuse_report(self, command: ReportParcel) -> None:
        if self._now.standing.state in STAYS_HERE and not self.is_moving:
            raise refused(WrongState(state=self._now.standing.state))

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await self.record(ShipmentActivities.record_shipment_end, self._step("end", actor))
        self._now.standing = ParcelStanding(state=ShipmentState.ENDED)
        self.outside(CarrierActivities.cancel_parcel, self._parcel, summary="Tell the carrier that it stays here")

    async def _look(self) -> None:
        """How the row stands; the carrier is told the destination anew each time that somebody has changed it."""
        self.nudged = False
        async with self.turn():
            await self._take(await self.record(ShipmentActivities.find_shipment, self._start))
        if not self._is_over():
            self.outside(CarrierActivities.request_parcel, self._parcel, summary="Ask the carrier to take it")

    async def _take(self, standing: ParcelStanding) -> None:
        if standing.overdue_at != self._now.standing.overdue_at:
            self._now.told_overdue = False
            await self.settle_notice(_OVERDUE)
        self._now.standing = standing
        if standing.state in _LOST:
            self.notice(_ASTRAY, f"the carrier says {standing.state}")
        self._stand()

    async def _tell_overdue(self) -> None:
        step = f"overdue-{self._now.standing.overdue_at:%Y%m%d}"
        self._now.told_overdue = True
        await self.record(ShipmentActivities.record_shipment_overdue, self._step(step, "system"))
        self.notice(_OVERDUE, "not delivered, and the planned arrival is long past")
        self._stand()

    async def _stay_here(self) -> None:
        self.outside(CarrierActivities.cancel_parcel, self._parcel, summary="Tell the carrier that it stays here")
        await self.record(ShipmentActivities.record_shipment_stopped, self._step("stop", "system"))

    def _stand(self) -> None:
        overdue_at = self._deadline()
        upcoming = [Upcoming(at=overdue_at, what="shipment_overdue_due")] if overdue_at else []
        waiting_for = "nothing" if self._is_over() else "the carrier to report"
        self.stand(self._now.standing.state, waiting_for=waiting_for, upcoming=upcoming)

    @property
    def _parcel(self) -> CarryParcel:
        return CarryParcel(tenant_id=self.identity.tenant_id, shipment_id=self._start.shipment_id)

    def _deadline(self) -> datetime | None:
        """When the operator is told, if that is still to come."""
        return None if self._now.told_overdue or self._is_over() else self._now.standing.overdue_at

    def _is_overdue(self) -> bool:
        deadline = self._deadline()
        return deadline is not None and workflow.now() >= deadline

    def _is_over(self) -> bool:
        return self._now.standing.state in OVER

    def _step(self, step: str, actor: str) -> ShipmentStep:
        return ShipmentStep(
            identity=self.identity, step=step, at=workflow.now(), actor=actor, shipment_id=self._start.shipment_id
        )


# What the contract's workflow calls.


async def begin_shipment(contract: Procedure, order: BeginShipment) -> None:
    """Have a UTM sent. It outlives the contract's workflow; begun before, nothing happens."""
    await contract.record(ShipmentActivities.record_shipment_request, order)
    identity = order.new.identity
    start = ShipmentStart(identity=identity, shipment_id=order.new.shipment_id)
    await contract.begin("Shipment", start, identity, summary=f"Shipment {identity.subject}")


async def stop_shipment(contract: Procedure, order: StopShipment) -> Stopped:
    """Keep here what has not been shipped (SHP-05). The answer's state is `stopped`, or where it was too late."""
    stopped = await contract.record(ShipmentActivities.stop_shipment, order)
    await contract.record(ProcedureActivities.nudge_procedures, Nudges(procedure_ids=stopped.procedure_ids))
    return stopped
