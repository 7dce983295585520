"""What callers say of a contract, checked against the catalogue and the customer (CON-01, CON-02, CON-08)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import Field, StrictBool
from sqlalchemy.ext.asyncio import AsyncConnection

from api.judged_as_a_whole import Body, readable
from models.catalogue import Product, RatePlan, find_product, known_rate_plans
from models.fields import (
    Day,
    Input,
    LongMemo,
    Memo,
    OrAbsent,
    Quantity,
    RenewalLength,
    TermLength,
    Title,
    UtmId,
    Yen,
)
from models.messages.contract_steps import ChosenPlan, ContractApplication
from models.messages.contract_steps import TermLength as Length
from models.messages.service_application import Destination
from models.offered_addresses import offered_addresses
from models.refusals import FieldError, InvalidInput
from models.rules.contract_terms import start_date_errors
from models.vocabulary import TermUnit

_PLANS = 20
_UNREADABLE = object()
_OF_A_CHARGE = {"name", "description", "type", "model", "price", "percent", "billing_period"}


class InitialTerm(Input):
    value: TermLength
    unit: TermUnit


class RenewalTerm(Input):
    """`value` 0: the contract does not renew."""

    value: RenewalLength
    unit: TermUnit


class RatePlanInput(Input):
    """`unit_price`: agreed instead of the catalogue's price of the plan's main charge."""

    rate_plan_id: Title
    quantity: Quantity = 1
    unit_price: OrAbsent[Yen] = None


RatePlansInput = Annotated[list[RatePlanInput], Field(min_length=1, max_length=_PLANS)]


class ContractInput(Input):
    memo1: OrAbsent[LongMemo] = None
    memo2: OrAbsent[Memo] = None
    memo3: OrAbsent[Memo] = None
    start_date: Day
    initial_term: InitialTerm
    renewal_term: RenewalTerm
    product_id: Title
    rate_plans: RatePlansInput
    shipping_required: StrictBool = False
    utm_id: OrAbsent[UtmId] = None
    destination: Destination | None = None
    """Where the UTM is shipped to; left out, the one address that the customer's applications name (ADD-05)."""


class ContractChange(Input):
    """What is not named stays as it is. `rate_plans`: all of them, as they are to be from now on."""

    memo1: OrAbsent[LongMemo] = None
    memo2: OrAbsent[Memo] = None
    memo3: OrAbsent[Memo] = None
    rate_plans: RatePlansInput = Field(default_factory=list)
    destination: Destination | None = None
    dry_run: StrictBool = False


async def application_of(
    connection: AsyncConnection, body: ContractInput, *, tenant_id: str, customer_id: str, today: date
) -> ContractApplication:
    """The checked application, with what the catalogue says today.

    Raises:
        InvalidInput: it names every wrong field.
    """
    wanted = [plan.rate_plan_id for plan in body.rate_plans]
    product = await _product_on_offer(connection, body.product_id)
    destination = body.destination.model_dump(mode="json") if body.destination else None
    if body.shipping_required and destination is None:
        destination = await _only_offered(connection, tenant_id, customer_id)
    errors = [
        *_own_errors(dict(body), product, today=today, destination=destination),
        *await _plan_errors(connection, product, wanted),
    ]
    if errors or product is None:
        raise InvalidInput(errors=errors)
    plans = chosen_plans(body.rate_plans, product.rate_plans)
    return ContractApplication(
        customer_id=customer_id,
        product_id=product.product_id,
        product_name=product.name,
        includes_utm=product.includes_utm,
        start_date=body.start_date,
        initial_term=Length(**body.initial_term.model_dump()),
        renewal_term=Length(**body.renewal_term.model_dump()),
        rate_plans=plans,
        destination=destination,
        **body.model_dump(include={"memo1", "memo2", "memo3", "utm_id", "shipping_required"}),
    )


async def further_errors(
    connection: AsyncConnection, body: Body, *, tenant_id: str, customer_id: str, today: date
) -> list[FieldError]:
    """What is wrong with a body of a wrong shape beside that, as far as it can be read."""
    known = readable(ContractInput, body)
    listed = body.get("rate_plans")
    plans = [readable(RatePlanInput, one) for one in (listed if isinstance(listed, list) else [])[:_PLANS]]
    product = await _product_on_offer(connection, known["product_id"]) if "product_id" in known else None
    destination = known.get("destination", _UNREADABLE) or await _only_offered(connection, tenant_id, customer_id)
    return [
        *_own_errors(known, product, today=today, destination=destination),
        *await _plan_errors(connection, product, [plan.get("rate_plan_id") for plan in plans]),
    ]


def plan_errors(wanted: Sequence[str | None], offered: Collection[str]) -> Iterator[FieldError]:
    """None: one that cannot be read."""
    for index, rate_plan_id in enumerate(wanted):
        field = f"rate_plans.{index}.rate_plan_id"
        if rate_plan_id is None:
            continue
        if rate_plan_id not in offered:
            yield FieldError(field, "not_in_catalogue")
        elif rate_plan_id in wanted[:index]:
            yield FieldError(field, "duplicate")


def chosen_plans(
    wanted: Sequence[RatePlanInput],
    catalogue: Sequence[RatePlan],
    kept: Mapping[str, ChosenPlan] | None = None,
) -> tuple[ChosenPlan, ...]:
    """With the charges of today; `kept` are the contract's own, which may have left the catalogue (UND-02).

    Raises:
        InvalidInput: it names every plan that cannot be chosen.
    """
    offered = {plan.rate_plan_id: _copied(plan) for plan in catalogue if plan.retired_at is None} | dict(kept or {})
    if errors := list(plan_errors([plan.rate_plan_id for plan in wanted], offered)):
        raise InvalidInput(errors=errors)
    return tuple(
        offered[plan.rate_plan_id].model_copy(update={"quantity": plan.quantity, "unit_price": plan.unit_price})
        for plan in wanted
    )


def _copied(plan: RatePlan) -> ChosenPlan:
    charges: list[dict[str, Any]] = [charge.model_dump(mode="json", include=_OF_A_CHARGE) for charge in plan.charges]
    return ChosenPlan(rate_plan_id=plan.rate_plan_id, name=plan.name, quantity=1, charges=tuple(charges))


def _own_errors(
    known: Mapping[str, Any], product: Product | None, *, today: date, destination: object
) -> Iterator[FieldError]:
    """Of what is `known` of an application. `destination`: the one that it comes to, given or found."""
    if "start_date" in known:
        yield from start_date_errors(known["start_date"], today)
    if "product_id" in known and product is None:
        yield FieldError("product_id", "not_in_catalogue")
    given = {name: known.get(name) for name in ("shipping_required", "utm_id", "destination")}
    if product is not None and not product.includes_utm:
        yield from (FieldError(name, "only_with_utm") for name, value in given.items() if value)
    elif given["shipping_required"]:
        if given["utm_id"] is not None:
            yield FieldError("utm_id", "only_without_shipping")
        if destination is None:
            yield FieldError("destination", "required")
    elif given["destination"] is not None and "shipping_required" in known:
        yield FieldError("destination", "only_with_shipping")


async def _plan_errors(
    connection: AsyncConnection, product: Product | None, wanted: Sequence[str | None]
) -> list[FieldError]:
    """Where it is not known which product's they are to be: those that no product has."""
    if product is not None:
        offered = frozenset(plan.rate_plan_id for plan in product.rate_plans if plan.retired_at is None)
    else:
        offered = await known_rate_plans(connection, [one for one in wanted if one is not None])
    return list(plan_errors(wanted, offered))


async def _product_on_offer(connection: AsyncConnection, product_id: str) -> Product | None:
    product = await find_product(connection, product_id)
    return product if product is not None and product.retired_at is None else None


async def _only_offered(connection: AsyncConnection, tenant_id: str, customer_id: str) -> dict[str, Any] | None:
    """Where the UTM goes when the customer's applications leave no choice (ADD-05)."""
    offered = await offered_addresses(connection, tenant_id, customer_id)
    return offered[0] if len(offered) == 1 else None
