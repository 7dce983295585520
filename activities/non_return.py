"""The charge for a device that stays away (KIT-04): once for each kit, and reversed rather than removed.

Its amount is that of the one-time charge called `non_return` among the contract's rate plans, as the catalogue had it
when they were chosen; where they have none, a setting.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.return_kit_rows import KitRow
from models import account_charges
from models.account_charges import Debit
from models.tables.contracts import ContractRatePlan
from models.vocabulary import ChargeKind, ChargeType

NAME = "non_return"


async def charge(connection: AsyncConnection, kit: KitRow, at: datetime, *, otherwise: int) -> int:
    """Put it on the customer's account, unless it is waived. Returns the amount charged, in whole yen."""
    if kit.waived:
        return 0
    amount = await _amount(connection, kit)
    debit = Debit(
        tenant_id=kit.tenant_id,
        customer_id=kit.customer_id,
        contract_number=kit.contract_number,
        kind=ChargeKind.NON_RETURN,
        cause=kit.procedure_id,
        amount=otherwise if amount is None else amount,
        charged_at=at,
    )
    await account_charges.charge(connection, debit)
    return debit.amount


async def reverse(connection: AsyncConnection, kit: KitRow, at: datetime) -> None:
    """Take back what of it is on the account."""
    await account_charges.reverse(
        connection,
        kit.tenant_id,
        kit.contract_number,
        kind=ChargeKind.NON_RETURN,
        at=at,
        cause=kit.procedure_id,
    )


async def _amount(connection: AsyncConnection, kit: KitRow) -> int | None:
    found = await connection.execute(
        select(ContractRatePlan.charges)
        .where(ContractRatePlan.tenant_id == kit.tenant_id, ContractRatePlan.contract_number == kit.contract_number)
        .order_by(ContractRatePlan.position)
    )
    prices = (
        offered["price"]
        for charges in found.scalars()
        for offered in charges
        if offered["type"] == ChargeType.ONE_TIME and offered["name"] == NAME
    )
    return next(prices, None)
