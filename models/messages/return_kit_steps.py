"""What the return kits' workflows say, to the contract's, to the API and to their activities (KIT-01…05, UND-03)."""

from datetime import date, datetime

from models.messages.procedure import Answer, Command, Identity, Message, Step
from models.messages.shipment_steps import AskedShipment, ReportParcel, ShipmentStart
from models.vocabulary import ProcedureKind


class BeginReturnKits(Step):
    """A step of the contract's, at its end: a kit for each of its UTMs. `ended_on`: the last day of service."""

    contract_number: str
    customer_id: str
    product_name: str
    ended_on: date


class BegunKits(Answer):
    """The UTMs that have a kit each."""

    utm_ids: tuple[str, ...] = ()


class UndoReturnKits(Step):
    """A step of the contract's, at the undo of a cancellation that took effect (UND-03)."""

    contract_number: str
    ended_on: date


class UndoneKits(Answer):
    """`procedure_ids`: the kits' workflows, to be told. `replacements`: what is to be sent for devices that came back.

    Their rows are made, and hold where to: the answer stays in the audit log, which is never erased.
    """

    procedure_ids: tuple[str, ...] = ()
    replacements: tuple[AskedShipment, ...] = ()


class KitIds(Message):
    """Which kit: its row's key."""

    tenant_id: str
    contract_number: str
    customer_id: str
    utm_id: str
    ended_on: date

    @property
    def identity(self) -> Identity:
        subject = f"{self.contract_number}-{self.utm_id}-{self.ended_on:%Y%m%d}"
        return Identity.of(ProcedureKind.RETURN_KIT, self.tenant_id, subject, self.customer_id)


class ReturnKitStart(Message):
    """The workflow's input; everything else is in the row."""

    kit: KitIds


class KitStep(Step):
    kit: KitIds


class ResendKit(Command):
    """Staff have corrected the address, or just want it sent again (KIT-03)."""

    postal_code: str | None = None
    address: str | None = None


class RecordResend(KitStep):
    command: ResendKit


class RecordKitReport(KitStep):
    report: ReportParcel


class KitStanding(Answer):
    """Where a kit stands: all that its workflow needs to know of the row.

    `shipment_id`: the latest sending; `reminders`: all of them by the sending's date, the earliest first; `version`: it
    grows with every change.
    """

    requested_at: datetime
    shipment_id: str | None = None
    reminders: tuple[datetime, ...] = ()
    unreturned_at: datetime | None = None
    waived: bool = False
    version: int = 0
    replacement: ShipmentStart | None = None
    """To be begun after this very step: of a device that came back although its kit was undone (UND-03)."""
