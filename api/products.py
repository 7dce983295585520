"""The operator's catalogue of products, rate plans and charges (CAT-01, CAT-02); all who are signed in read it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field, StrictBool, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import Anyone, Operator
from api.context import Shared
from api.etags import IfMatch, check_if_match, etag
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models import audit
from models.audit import CatalogueFact
from models.catalogue import Product, RatePlan, find_product, with_rate_plans
from models.fields import Description, Input, OrAbsent, Percent, Title, Yen
from models.free_ids import insert_under_a_free_id
from models.identifiers import Draw
from models.refusals import NotFound, NothingChanged
from models.tables.catalogue import Charge as Charges
from models.tables.catalogue import Product as Products
from models.tables.catalogue import RatePlan as RatePlans
from models.vocabulary import BillingPeriod, ChargeModel, ChargeType

router = APIRouter(prefix="/v1/products", tags=["Catalogue"])


class ChargeInput(Input):
    """A price in whole yen without tax, or the percent of a discount on the first billed month, by the model."""

    name: Title
    description: OrAbsent[Description] = None
    type: ChargeType
    model: ChargeModel
    price: Yen | None = Field(default=None, validate_default=True)
    percent: Percent | None = Field(default=None, validate_default=True)
    billing_period: BillingPeriod | None = Field(default=None, validate_default=True)
    """Needed for what recurs."""

    @field_validator("price", "percent")
    @classmethod
    def _goes_with_the_model(cls, value: int | None, info: ValidationInfo) -> int | None:
        model = info.data.get("model")  # absent where it is wrong itself
        priced_by = "percent" if model is ChargeModel.DISCOUNT_PERCENTAGE else "price"
        if model and value is None and info.field_name == priced_by:
            raise PydanticCustomError("required", "is required")
        if model and value is not None and info.field_name != priced_by:
            raise PydanticCustomError("not_for_model", "does not go with the model")
        return value

    @field_validator("billing_period")
    @classmethod
    def _is_there_for_what_recurs(cls, value: BillingPeriod | None, info: ValidationInfo) -> BillingPeriod | None:
        if value is None and info.data.get("type") is ChargeType.RECURRING:
            raise PydanticCustomError("required", "is required")
        return value


class RatePlanInput(Input):
    name: Title
    charges: Annotated[list[ChargeInput], Field(min_length=1, max_length=50)]


class NewProductInput(Input):
    name: Title
    description: OrAbsent[Description] = None
    includes_utm: StrictBool
    rate_plans: Annotated[list[RatePlanInput], Field(min_length=1, max_length=50)]


class ProductChange(Input):
    """What is not named stays as it is. `retired`: out of the catalogue, or back into it."""

    name: Title = ""
    description: OrAbsent[Description] = None
    retired: StrictBool = False


class RatePlanChange(Input):
    """Likewise. Charges never change, since contracts have them: add another plan and retire this one."""

    name: Title = ""
    retired: StrictBool = False


@router.post("", status_code=201, response_model=Product)
async def create(body: NewProductInput, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    """Put a product with its rate plans and their charges into the catalogue."""
    now = await context.clock.now()
    async with context.database.transaction(operator=True) as connection:
        once = await posted.by(operator.actor, connection)
        draw = once.draw()
        values = body.model_dump(exclude={"rate_plans"}) | {"created_at": now}
        product_id = await insert_under_a_free_id(connection, Products.product_id, draw.product_id, values)
        for position, plan in enumerate(body.rate_plans):
            await _add_rate_plan(connection, draw, product_id, plan, position=position)
        fact = CatalogueFact(at=now, actor=operator.actor, what="product_created", product_id=product_id)
        await audit.record_in_catalogue(connection, fact)
        product = await _product(connection, product_id)
        return await once.answer(product, status=201, location=f"/v1/products/{product_id}")


@router.get("")
async def find_all(
    context: Shared,
    anyone: Anyone,
    paging: PagingQuery,
    *,
    retired: bool = False,
    includes_utm: bool | None = None,
) -> Page[Product]:
    """What can be had, or with `retired=true` what no longer can. Sorts by `created_at` and `name`; newest first."""
    table = Products.__table__
    wanted: list[ColumnElement[bool]] = [table.c.retired_at.is_not(None) if retired else table.c.retired_at.is_(None)]
    if includes_utm is not None:
        wanted.append(table.c.includes_utm == includes_utm)
    order = resolve_order(paging.sort, {name: table.c[name] for name in ("created_at", "name")}, default="-created_at")
    async with context.database.transaction() as connection:
        query = select(table).where(*wanted)
        rows = await fetch_page(connection, query, order=order, key=table.c.product_id, paging=paging)
        products = iter(await with_rate_plans(connection, rows.rows))
    return rows.page(lambda _: next(products))


@router.get("/{product_id}")
async def read(product_id: str, context: Shared, anyone: Anyone, response: Response) -> Product:
    """Also one that is retired, with all its plans."""
    async with context.database.transaction() as connection:
        response.headers["ETag"] = etag(await _version(connection, product_id))
        return await _product(connection, product_id)


@router.patch("/{product_id}")
async def change(
    product_id: str,
    body: ProductChange,
    context: Shared,
    operator: Operator,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> Product:
    """Rename it, describe it anew, or take it out of the catalogue; contracts that have it keep it."""
    values = body.model_dump(exclude_unset=True)
    now = await context.clock.now()
    async with context.database.transaction(operator=True) as connection:
        check_if_match(if_match, etag(await _version(connection, product_id, locked=True)))
        changed = _changed(values, await _product(connection, product_id), now)
        await connection.execute(update(Products).where(Products.product_id == product_id).values(**changed))
        fact = CatalogueFact(
            at=now, actor=operator.actor, what="product_changed", product_id=product_id, detail=_told(changed)
        )
        await audit.record_in_catalogue(connection, fact)
        product, response.headers["ETag"] = await _touched(connection, product_id)
        return product


@router.post("/{product_id}/rate-plans", status_code=201, response_model=Product)
async def add_rate_plan(
    product_id: str, body: RatePlanInput, context: Shared, operator: Operator, posted: PostedRequest
) -> Response:
    """One more plan, behind the others."""
    now = await context.clock.now()
    async with context.database.transaction(operator=True) as connection:
        once = await posted.by(operator.actor, connection)
        await _version(connection, product_id, locked=True)
        position = len((await _product(connection, product_id)).rate_plans)
        added = {"rate_plan_id": await _add_rate_plan(connection, once.draw(), product_id, body, position=position)}
        fact = CatalogueFact(at=now, actor=operator.actor, what="rate_plan_added", product_id=product_id, detail=added)
        await audit.record_in_catalogue(connection, fact)
        product, version = await _touched(connection, product_id)
        return await once.answer(product, status=201, location=f"/v1/products/{product_id}", etag=version)


@router.patch("/{product_id}/rate-plans/{rate_plan_id}")
async def change_rate_plan(
    product_id: str,
    rate_plan_id: str,
    body: RatePlanChange,
    context: Shared,
    operator: Operator,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> Product:
    """Rename it, or take it out of the catalogue; contracts that have it keep it (UND-02)."""
    values = body.model_dump(exclude_unset=True)
    now = await context.clock.now()
    async with context.database.transaction(operator=True) as connection:
        check_if_match(if_match, etag(await _version(connection, product_id, locked=True)))
        plans = (await _product(connection, product_id)).rate_plans
        plan = next((plan for plan in plans if plan.rate_plan_id == rate_plan_id), None)
        if plan is None:
            raise NotFound
        changed = _changed(values, plan, now)
        await connection.execute(update(RatePlans).where(RatePlans.rate_plan_id == rate_plan_id).values(**changed))
        told = {"rate_plan_id": rate_plan_id, **_told(changed)}
        fact = CatalogueFact(at=now, actor=operator.actor, what="rate_plan_changed", product_id=product_id, detail=told)
        await audit.record_in_catalogue(connection, fact)
        product, response.headers["ETag"] = await _touched(connection, product_id)
        return product


async def _add_rate_plan(
    connection: AsyncConnection, draw: Draw, product_id: str, plan: RatePlanInput, *, position: int
) -> str:
    """Returns its id."""
    values = {"product_id": product_id, "position": position, "name": plan.name}
    rate_plan_id = await insert_under_a_free_id(connection, RatePlans.rate_plan_id, draw.rate_plan_id, values)
    for place, charge in enumerate(plan.charges):
        values = {"rate_plan_id": rate_plan_id, "position": place, **charge.model_dump()}
        await insert_under_a_free_id(connection, Charges.charge_id, draw.charge_id, values)
    return rate_plan_id


async def _product(connection: AsyncConnection, product_id: str) -> Product:
    product = await find_product(connection, product_id)
    if product is None:
        raise NotFound
    return product


async def _version(connection: AsyncConnection, product_id: str, *, locked: bool = False) -> int:
    """Raises: NotFound."""
    query = select(Products.version).where(Products.product_id == product_id)
    version = await connection.scalar(query.with_for_update() if locked else query)
    if version is None:
        raise NotFound
    return version


def _changed(values: dict[str, Any], now: Product | RatePlan, at: datetime) -> dict[str, Any]:
    """The columns that differ from what there is now. Raises: NothingChanged."""
    changed = {name: value for name, value in values.items() if name != "retired" and value != getattr(now, name)}
    if "retired" in values and values["retired"] != (now.retired_at is not None):
        changed["retired_at"] = at if values["retired"] else None
    if not changed:
        raise NothingChanged
    return changed


def _told(changed: dict[str, Any]) -> dict[str, Any]:
    """As the log tells it."""
    told = {name: value for name, value in changed.items() if name != "retired_at"}
    return told | ({"retired": changed["retired_at"] is not None} if "retired_at" in changed else {})


async def _touched(connection: AsyncConnection, product_id: str) -> tuple[Product, str]:
    """The product after an edit of it or of its plans, and its next version as an ETag."""
    await connection.execute(
        update(Products).where(Products.product_id == product_id).values(version=Products.version + 1)
    )
    return await _product(connection, product_id), etag(await _version(connection, product_id))
