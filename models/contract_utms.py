"""The devices of a contract, and the contract of a device."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.contracts import Contract
from models.tables.utms import Utm


@dataclass(frozen=True)
class ContractUtm:
    """`address`: where it is installed."""

    utm_id: str
    name: str
    postal_code: str
    address: str


async def of_contract(connection: AsyncConnection, tenant_id: str, contract_number: str) -> list[ContractUtm]:
    """By UTM ID."""
    found = await connection.execute(
        select(Utm.utm_id, Utm.name, Utm.postal_code, Utm.address)
        .where(Utm.tenant_id == tenant_id, Utm.contract_number == contract_number, Utm.deleted_at.is_(None))
        .order_by(Utm.utm_id)
    )
    return [ContractUtm(**row._asdict()) for row in found]


def in_force(today: date) -> ColumnElement[bool]:
    """From its start date to the last day of service (CON-10, CAN-01)."""
    serves = or_(Contract.cancellation_date.is_(None), Contract.cancellation_date >= today)
    return (Contract.start_date <= today) & Contract.ended_at.is_(None) & serves


async def has_contract_in_force(connection: AsyncConnection, tenant_id: str, customer_id: str, today: date) -> bool:
    found = await connection.execute(_contracts(tenant_id, customer_id).where(in_force(today)).limit(1))
    return found.first() is not None


async def contract_for(
    connection: AsyncConnection, tenant_id: str, customer_id: str, utm_id: str, today: date
) -> str | None:
    """The contract that names the device, else the customer's oldest in force that covers more UTMs than it has."""
    named = _contracts(tenant_id, customer_id).where(Contract.utm_id == utm_id, Contract.ended_at.is_(None))
    roomy = _contracts(tenant_id, customer_id).where(in_force(today), Contract.utm_quantity > _registered())
    for candidates in (named, roomy):
        number: str | None = await connection.scalar(candidates.limit(1))
        if number is not None:
            return number
    return None


async def take_utm(
    connection: AsyncConnection, tenant_id: str, customer_id: str, utm_id: str, contract_number: str
) -> None:
    """The customer's device becomes the contract's, unless it is that of another that has not ended."""
    running = _contracts(tenant_id, customer_id).where(Contract.ended_at.is_(None)).order_by(None)
    await connection.execute(
        update(Utm)
        .where(
            Utm.tenant_id == tenant_id,
            Utm.customer_id == customer_id,
            Utm.utm_id == utm_id,
            Utm.deleted_at.is_(None),
            or_(Utm.contract_number.is_(None), Utm.contract_number.not_in(running)),
        )
        .values(contract_number=contract_number, revision=Utm.revision + 1)
    )


async def served(connection: AsyncConnection, tenant_id: str, customer_id: str, today: date) -> frozenset[str]:
    """The registrations of the customer's devices whose service is on (CAN-05).

    A device's service is its contract's; one without a contract of its own has that of any of the customer's.
    """
    contracts = select(Contract.contract_number).where(
        Contract.tenant_id == tenant_id, Contract.customer_id == customer_id, in_force(today)
    )
    covering = or_(Utm.contract_number.in_(contracts), Utm.contract_number.is_(None) & contracts.exists())
    found = await connection.execute(
        select(Utm.registration_id).where(Utm.tenant_id == tenant_id, Utm.customer_id == customer_id, covering)
    )
    return frozenset(found.scalars())


async def covers_utms(connection: AsyncConnection, tenant_id: str, customer_id: str, contract_number: str) -> bool:
    """It is one of the customer's, its product includes UTM, and it has not ended."""
    found = await connection.execute(
        _contracts(tenant_id, customer_id).where(
            Contract.contract_number == contract_number, Contract.includes_utm, Contract.ended_at.is_(None)
        )
    )
    return found.first() is not None


def _contracts(tenant_id: str, customer_id: str) -> Select[str]:
    """The oldest first."""
    return (
        select(Contract.contract_number)
        .where(Contract.tenant_id == tenant_id, Contract.customer_id == customer_id)
        .order_by(Contract.start_date, Contract.applied_at, Contract.contract_number)
    )


def _registered() -> ScalarSelect[int]:
    """How many UTMs the contract of the outer query has."""
    return (
        select(func.count())
        .select_from(Utm)
        .where(
            Utm.tenant_id == Contract.tenant_id,
            Utm.contract_number == Contract.contract_number,
            Utm.deleted_at.is_(None),
        )
        .scalar_subquery()
    )
