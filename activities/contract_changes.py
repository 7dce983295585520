"""Changing what a contract allows to be changed: memos, plans, and the destination until it is shipped (CON-08)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.contract_rows import change_contract, put_rate_plans
from models.messages.contract_steps import ChosenPlan, ContractChanges
from models.refusals import FieldError, InvalidInput
from models.rules.shipments import ON_THE_WAY_OUT
from models.tables.contracts import ContractRatePlan
from models.tables.shipments import Shipment
from models.vocabulary import ParcelKind

DESTINATION = "destination"


async def apply_changes(
    connection: AsyncConnection, contract: Row[Any], changes: ContractChanges
) -> tuple[Row[Any], tuple[str, ...]]:
    """The contract as it then is, and the shipments' procedures that have to look at their rows again.

    Raises:
        InvalidInput: another destination, where nothing is shipped, or what was to be shipped has been.
    """
    values, redirected = dict(changes.values), tuple[str, ...]()
    if DESTINATION in values:
        redirected = await _redirect(connection, contract, values[DESTINATION])
    if changes.rate_plans is not None:
        await _replace_plans(connection, contract, changes.rate_plans)
        quantities = [plan.quantity for plan in changes.rate_plans]
        values["utm_quantity"] = max(quantities) if contract.includes_utm else 0
    return await change_contract(connection, contract, **values), redirected


async def _replace_plans(connection: AsyncConnection, contract: Row[Any], plans: Sequence[ChosenPlan]) -> None:
    await connection.execute(
        delete(ContractRatePlan).where(
            ContractRatePlan.tenant_id == contract.tenant_id,
            ContractRatePlan.contract_number == contract.contract_number,
        )
    )
    await put_rate_plans(connection, contract, plans)


async def _redirect(
    connection: AsyncConnection, contract: Row[Any], destination: dict[str, Any] | None
) -> tuple[str, ...]:
    """Send elsewhere what has not been handed to the carrier."""
    if not contract.shipping_required or destination is None:
        raise InvalidInput(errors=[FieldError(DESTINATION, "only_with_shipping")])
    redirected = await connection.execute(
        update(Shipment)
        .where(
            Shipment.tenant_id == contract.tenant_id,
            Shipment.contract_number == contract.contract_number,
            Shipment.kind == ParcelKind.DELIVERY,
            Shipment.utm_id.is_(None),
            Shipment.state.in_(ON_THE_WAY_OUT),
        )
        .values(destination=destination)
        .returning(Shipment.procedure_id)
    )
    procedure_ids = tuple(redirected.scalars())
    if not procedure_ids:
        raise InvalidInput(errors=[FieldError(DESTINATION, "already_shipped")])
    return procedure_ids
