"""A contract's rows: read, changed, and shown as a procedure. Shared by its steps and by the API."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import returned_devices
from activities.records import tenant_row
from models import procedures, shipments
from models.contract_utms import take_utm
from models.contracts import Coming, Surroundings, coming, terms_of
from models.durations import Durations
from models.messages.contract_steps import ChosenPlan, ContractRecorded, Delivery, RecordContractApplication
from models.messages.procedure import Identity, Step, Upcoming
from models.messages.shipment_steps import Destination, NewShipment
from models.procedures import Standing
from models.refusals import NotFound, WrongState
from models.rules.contract_terms import term
from models.tables.contracts import Contract, ContractRatePlan
from models.tables.customers import Customer
from models.tables.procedures import Mail
from models.tables.shipments import Shipment
from models.vocabulary import ContractStatus, ProcedureKind, ShipmentState
from models.vocabulary import Mail as MailName

NOT_CANCELLED: dict[str, Any] = {
    "cancellation_date": None,
    "cancelled_at": None,
    "fee_charged": False,
    "fee": None,
    "stop_shipment": False,
}


async def contract_row(
    connection: AsyncConnection, tenant_id: str, contract_number: str, *, locked: bool = False
) -> Row[Any]:
    """Raises: NotFound: the tenant has no such contract."""
    query = select(Contract.__table__).where(
        Contract.tenant_id == tenant_id, Contract.contract_number == contract_number
    )
    row = (await connection.execute(query.with_for_update() if locked else query)).first()
    if row is None:
        raise NotFound
    return row


async def rate_plan_rows(connection: AsyncConnection, contract: Row[Any]) -> Sequence[Row[Any]]:
    """In the order in which they were chosen."""
    found = await connection.execute(
        select(ContractRatePlan.__table__)
        .where(
            ContractRatePlan.tenant_id == contract.tenant_id,
            ContractRatePlan.contract_number == contract.contract_number,
        )
        .order_by(ContractRatePlan.position, ContractRatePlan.rate_plan_id)
    )
    return found.all()


async def surroundings(connection: AsyncConnection, contract: Row[Any], durations: Durations) -> Surroundings:
    tenant = await tenant_row(connection, contract.tenant_id)
    portal_closes_at = await connection.scalar(
        select(Customer.portal_closes_at).where(
            Customer.tenant_id == contract.tenant_id, Customer.customer_id == contract.customer_id
        )
    )
    sent = await _notices_sent(connection, contract) if contract.cancellation_date else frozenset[str]()
    return Surroundings(tenant.time_zone, durations.contract_renewal_notices, portal_closes_at, sent)


async def _notices_sent(connection: AsyncConnection, contract: Row[Any]) -> frozenset[str]:
    """Each was a step of the contract's procedure, of its own name."""
    contract_procedure = Identity.of(ProcedureKind.CONTRACT, contract.tenant_id, contract.contract_number)
    found = await connection.execute(
        select(Mail.step).where(
            Mail.tenant_id == contract.tenant_id,
            Mail.procedure_id == contract_procedure.procedure_id,
            Mail.template == MailName.CONTRACT_RENEWAL_NOTICE,
            Mail.queued_at >= contract.cancelled_at,
        )
    )
    return frozenset(found.scalars())


async def insert_contract(connection: AsyncConnection, message: RecordContractApplication) -> Row[Any]:
    application = message.application
    copied = application.model_dump(
        exclude={"initial_term", "renewal_term", "rate_plans"},
    )
    lengths = {
        f"{name}_{part}": getattr(getattr(application, name), part)
        for name in ("initial_term", "renewal_term")
        for part in ("value", "unit")
    }
    quantities = [plan.quantity for plan in application.rate_plans]
    values = {
        "tenant_id": message.identity.tenant_id,
        "contract_number": message.identity.subject,
        "status": ContractStatus.ACTIVE,
        "term_end_date": application.start_date,
        "utm_quantity": max(quantities) if application.includes_utm else 0,
        "done_until": message.at,
        "applied_at": message.at,
        "applied_by": message.actor,
        "command_id": message.command_id,
        **copied,
        **lengths,
    }
    await connection.execute(insert(Contract).values(values))
    row = await contract_row(connection, message.identity.tenant_id, message.identity.subject)
    if row.utm_id is not None:
        await take_utm(connection, row.tenant_id, row.customer_id, row.utm_id, row.contract_number)
    await put_rate_plans(connection, row, application.rate_plans)
    return await change_contract(connection, row, term_end_date=term(terms_of(row), 0).last_day)


async def put_rate_plans(connection: AsyncConnection, contract: Row[Any], plans: Sequence[ChosenPlan]) -> None:
    await connection.execute(
        insert(ContractRatePlan),
        [
            {
                "tenant_id": contract.tenant_id,
                "contract_number": contract.contract_number,
                "position": position,
                **plan.model_dump(mode="json"),
            }
            for position, plan in enumerate(plans)
        ],
    )


async def change_contract(connection: AsyncConnection, contract: Row[Any], **values: Any) -> Row[Any]:  # noqa: ANN401 - columns
    """Returns the row as it now is.

    Raises:
        WrongState: somebody else has changed its status meanwhile.
    """
    changed = await connection.execute(
        update(Contract)
        .where(
            Contract.tenant_id == contract.tenant_id,
            Contract.contract_number == contract.contract_number,
            Contract.status == contract.status,
        )
        .values(version=Contract.version + 1, **values)
        .returning(Contract.__table__)
    )
    row: Row[Any] | None = changed.first()
    if row is None:
        raise WrongState(state=contract.status)
    return row


async def shown(
    connection: AsyncConnection, message: Step, contract: Row[Any], durations: Durations
) -> ContractRecorded:
    """Show the contract's procedure as it now stands. Returns what the workflow goes on with."""
    around = await surroundings(connection, contract, durations)
    upcoming = coming(contract, around)
    standing = Standing(
        state=contract.status,
        waiting_for="calendar" if upcoming else None,
        upcoming=[(one.at, one.what) for one in upcoming],
        ended_at=None if upcoming else message.at,
    )
    await procedures.show(connection, message.identity.tenant_id, message.identity.procedure_id, standing)
    return ContractRecorded(
        state=contract.status,
        at=message.at,
        time_zone=around.zone,
        includes_utm=contract.includes_utm,
        product_name=contract.product_name,
        cancellation_date=contract.cancellation_date,
        ended_at=contract.ended_at,
        upcoming=tuple(_upcoming(upcoming)),
    )


def _upcoming(upcoming: Sequence[Coming]) -> list[Upcoming]:
    return [Upcoming(at=one.at, what=one.what) for one in upcoming]


async def delivery_of(connection: AsyncConnection, contract: Row[Any], at: datetime) -> Delivery:
    """What is to go out now: the contract's device, and those that replace one (UND-03), where they are here.

    What was asked for `at` this very instant is told once more: whoever asked may have died before it began.
    """
    sent = await shipments.deliveries(connection, contract.tenant_id, contract.contract_number)
    numbers = count(1 + max((one.number for one in sent), default=0))
    of_device = {one.utm_id: [other for other in sent if other.utm_id == one.utm_id] for one in sent}
    own = of_device.pop(None, [])
    begins = contract.destination is not None and (not own or _is_to_go(own, at))
    back = await returned_devices.not_replaced(connection, contract.tenant_id, contract.contract_number, but_at=at)
    return Delivery(
        new=_sending(contract, own, contract.destination, numbers) if begins else None,
        replacements=tuple(
            _sending(contract, same, same[-1].destination, numbers)
            for same in of_device.values()
            if _is_to_go(same, at)
        )
        + tuple(
            [
                await returned_devices.to_send(connection, kit, _number(of_device.get(kit.utm_id, []), numbers, at))
                for kit in back
                if kit.utm_id not in of_device or not _is_to_go(of_device[kit.utm_id], at)
            ]
        ),
    )


def _number(of_device: Sequence[Row[tuple[Shipment]]], numbers: Iterator[int], at: datetime) -> int:
    asked = [one.number for one in of_device if one.requested_at == at]
    return asked[-1] if asked else next(numbers)


def _is_to_go(of_device: Sequence[Row[tuple[Shipment]]], at: datetime) -> bool:
    """It stays here, or has just been asked for in place of one that does."""
    *before, latest = of_device
    if latest.state == ShipmentState.REQUESTED and latest.requested_at == at:
        return before[-1].state == ShipmentState.STOPPED if before else latest.utm_id is None
    return bool(latest.state == ShipmentState.STOPPED)


def _sending(
    contract: Row[Any], of_device: Sequence[Row[tuple[Shipment]]], destination: dict[str, Any], numbers: Iterator[int]
) -> NewShipment:
    latest = of_device[-1] if of_device else None
    return NewShipment(
        tenant_id=contract.tenant_id,
        contract_number=contract.contract_number,
        customer_id=contract.customer_id,
        product_name=contract.product_name,
        destination=Destination.model_validate(shipments.NOWHERE | destination),
        number=latest.number if latest and latest.state == ShipmentState.REQUESTED else next(numbers),
        utm_id=latest.utm_id if latest else None,
    )
