"""Amounts on a customer's account outside its contracts' plans: each cause once, and reversed rather than removed."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.identifiers import ordered_id
from models.tables.contracts import AccountCharge
from models.vocabulary import ChargeKind


@dataclass(frozen=True, kw_only=True)
class Debit:
    """`amount`: whole yen without tax. `cause` makes it one charge, however often it is put on the account (GEN-03)."""

    tenant_id: str
    customer_id: str
    contract_number: str
    kind: ChargeKind
    cause: str
    amount: int
    charged_at: datetime


async def charge(connection: AsyncConnection, debit: Debit) -> None:
    await connection.execute(
        insert(AccountCharge).values(charge_id=ordered_id(), **asdict(debit)).on_conflict_do_nothing()
    )


async def reverse(
    connection: AsyncConnection,
    tenant_id: str,
    contract_number: str,
    *,
    kind: ChargeKind,
    at: datetime,
    cause: str | None = None,
) -> None:
    """Take back what of that kind is on the account for the contract; `cause`: only that one."""
    reversing = update(AccountCharge).where(
        AccountCharge.tenant_id == tenant_id,
        AccountCharge.contract_number == contract_number,
        AccountCharge.kind == kind,
        AccountCharge.reversed_at.is_(None),
    )
    await connection.execute(
        (reversing if cause is None else reversing.where(AccountCharge.cause == cause)).values(reversed_at=at)
    )
