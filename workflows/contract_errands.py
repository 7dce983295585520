"""What a contract leaves to be done by other procedures: shipments and return kits (SHP-05, KIT-01, UND-03)."""

from dataclasses import dataclass
from datetime import date

from activities.contract import ContractActivities
from activities.procedures import ProcedureActivities
from models.messages.procedure import Nudges, Step
from models.messages.return_kit_steps import BeginReturnKits, UndoReturnKits
from models.messages.shipment_steps import BeginShipment, StopShipment
from models.vocabulary import ContractErrand
from workflows.procedure import Procedure
from workflows.return_kit import begin_return_kits, undo_return_kits
from workflows.shipment import begin_shipment, stop_shipment


@dataclass
class Errand:
    """`cause`: the contract's step that left it. `day`: the last day of service that it is about."""

    kind: ContractErrand
    cause: Step
    product_name: str
    day: date | None


async def run_errand(contract: Procedure, errand: Errand | Nudges) -> None:
    """However often it is begun, it has one effect."""
    if isinstance(errand, Nudges):
        await contract.record(ProcedureActivities.nudge_procedures, errand)
        return
    identity = contract.identity
    step = errand.cause.model_copy(update={"step": f"{errand.kind}-{errand.cause.step}"}).model_dump()
    number, customer_id = identity.subject, identity.customer_id or ""
    match errand.kind:
        case ContractErrand.BEGIN_SHIPMENT:
            delivery = await contract.record(ContractActivities.find_delivery, errand.cause)
            if delivery.new is not None:
                await begin_shipment(contract, BeginShipment(**step, new=delivery.new))
            for new in delivery.replacements:
                again = step | {"step": f"{step['step']}-replacement-{new.number}"}
                await begin_shipment(contract, BeginShipment(**again, new=new))
        case ContractErrand.STOP_SHIPMENT:
            await stop_shipment(contract, StopShipment(**step, contract_number=number))
        case ContractErrand.BEGIN_RETURN_KITS if errand.day:
            order = BeginReturnKits(
                **step,
                contract_number=number,
                customer_id=customer_id,
                product_name=errand.product_name,
                ended_on=errand.day,
            )
            await begin_return_kits(contract, order)
        case ContractErrand.UNDO_RETURN_KITS if errand.day:
            await undo_return_kits(contract, UndoReturnKits(**step, contract_number=number, ended_on=errand.day))
