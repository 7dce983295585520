"""Reading the catalogue: products with their rate plans and charges (CAT-01). Any transaction may."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from models.tables.catalogue import Charge as Charges
from models.tables.catalogue import Product as Products
from models.tables.catalogue import RatePlan as RatePlans
from models.vocabulary import BillingPeriod, ChargeModel, ChargeType


class Charge(BaseModel):
    """`price` in whole yen without tax, or the `percent` of a discount on the first billed month (CAT-02)."""

    charge_id: str
    name: str
    description: str | None
    type: ChargeType
    model: ChargeModel
    price: int | None
    percent: int | None
    billing_period: BillingPeriod | None


class RatePlan(BaseModel):
    rate_plan_id: str
    name: str
    retired_at: datetime | None
    charges: list[Charge]


class Product(BaseModel):
    """`retired_at`: since when it, or a plan of it, cannot be had any more; contracts that have it keep it."""

    product_id: str
    name: str
    description: str | None
    includes_utm: bool
    created_at: datetime
    retired_at: datetime | None
    rate_plans: list[RatePlan]


async def find_product(connection: AsyncConnection, product_id: str) -> Product | None:
    """Also one that is retired, and with its retired plans."""
    rows = await connection.execute(select(Products.__table__).where(Products.product_id == product_id))
    return next(iter(await with_rate_plans(connection, rows.all())), None)


async def known_rate_plans(connection: AsyncConnection, ids: Collection[str]) -> frozenset[str]:
    """Those of them that any product has, or has had."""
    found = await connection.execute(select(RatePlans.rate_plan_id).where(RatePlans.rate_plan_id.in_(ids)))
    return frozenset(found.scalars())


async def with_rate_plans(connection: AsyncConnection, products: Sequence[Row[Any]]) -> list[Product]:
    """The rows of the products with all their plans and charges, each in the order they were given in."""
    plans = await _children(connection, RatePlans, RatePlans.product_id, [row.product_id for row in products])
    charges = await _children(connection, Charges, Charges.rate_plan_id, [row.rate_plan_id for row in plans])

    def plans_of(product_id: str) -> list[dict[str, Any]]:
        return [
            {**plan._asdict(), "charges": [one._asdict() for one in charges if one.rate_plan_id == plan.rate_plan_id]}
            for plan in plans
            if plan.product_id == product_id
        ]

    return [Product.model_validate({**row._asdict(), "rate_plans": plans_of(row.product_id)}) for row in products]


async def _children(
    connection: AsyncConnection,
    table: type[RatePlans | Charges],
    parent: InstrumentedAttribute[str],
    parents: list[str],
) -> Sequence[Row[Any]]:
    found = await connection.execute(select(table.__table__).where(parent.in_(parents)).order_by(table.position))
    return found.all()
