"""What keeps customers from being deleted, and until when, by what the tenant has of theirs (CUS-05)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.contracts import last_day_of
from models.rules.customer_deletion import Deletability, deletability
from models.tables.contracts import Contract
from models.tables.utms import Utm


async def deletabilities(
    connection: AsyncConnection, tenant_id: str, customer_ids: Sequence[str], today: date
) -> dict[str, Deletability]:
    """By customer. `today` is the tenant's."""
    contracts = await connection.execute(
        select(Contract.__table__).where(Contract.tenant_id == tenant_id, Contract.customer_id.in_(customer_ids))
    )
    last_days = defaultdict[str, list[date | None]](list)
    for contract in contracts:
        last_days[contract.customer_id].append(last_day_of(contract))
    counted = await connection.execute(
        select(Utm.customer_id, func.count().label("utms"))
        .where(Utm.tenant_id == tenant_id, Utm.customer_id.in_(customer_ids), Utm.deleted_at.is_(None))
        .group_by(Utm.customer_id)
    )
    utms = {row.customer_id: row.utms for row in counted}
    return {one: deletability(last_days[one], utms.get(one, 0), today) for one in customer_ids}
