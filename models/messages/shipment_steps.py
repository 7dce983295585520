"""What the shipment's workflow says, to the contract's, to the API and to its activities (SHP-01…05)."""

from datetime import date, datetime

from models.messages.procedure import Answer, Command, Identity, Message, Step
from models.vocabulary import ProcedureKind, ShipmentState


class Destination(Message):
    """APP-03 without the quantity."""

    company_name: str
    last_name: str
    first_name: str
    department: str | None = None
    postal_code: str
    prefecture: str
    address: str
    phone_number: str


class AskedShipment(Message):
    """A UTM to send for a contract. `number` counts the contract's deliveries from 1; the first is the contract's own.

    `utm_id`: of the device that it replaces (UND-03).
    """

    tenant_id: str
    contract_number: str
    customer_id: str
    product_name: str
    number: int = 1
    utm_id: str | None = None

    @property
    def identity(self) -> Identity:
        subject = f"{self.contract_number}-{self.number}"
        return Identity.of(ProcedureKind.SHIPMENT, self.tenant_id, subject, self.customer_id)

    @property
    def shipment_id(self) -> str:
        return f"{self.tenant_id}-{self.contract_number}-{self.number}"


class NewShipment(AskedShipment):
    """`destination`: None where the shipment's row, which holds it, has been made before."""

    destination: Destination | None = None


class BeginShipment(Step):
    """A step of the contract's: its identity and step, and what is to be sent."""

    new: NewShipment


class ShipmentStart(Message):
    """The workflow's input; everything else is in the row."""

    identity: Identity
    shipment_id: str


class StopShipment(Step):
    """A step of the contract's: whatever of it has not been handed to the carrier stays here (SHP-05)."""

    contract_number: str


class Stopped(Answer):
    """`state`: `stopped`, or where the shipment stood when it was too late; `procedure_ids`: whom to tell."""

    procedure_ids: tuple[str, ...] = ()


class ShipmentStep(Step):
    shipment_id: str


class ReportParcel(Command):
    """An event of the carrier's. Its command id comes of the event's id."""

    shipment_id: str
    event_id: str
    reported: ShipmentState
    occurred_at: datetime
    planned_arrival_date: date | None = None
    carrier: str | None = None
    waybill_number: str | None = None


class RecordReport(ShipmentStep):
    report: ReportParcel


class ParcelStanding(Answer):
    """Where it stands. `overdue_at`: when the operator is told that it has not arrived (SHP-04)."""

    overdue_at: datetime | None = None


class CarryParcel(Message):
    """What the carrier is to do, by id: the address is read where it is told."""

    tenant_id: str
    shipment_id: str
