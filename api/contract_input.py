"""What callers say of a contract, checked against the catalogue and the customer (CON-01, CON-02, CON-08)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import Field, StrictBool
from sqlalchemy.ext.asyncio import AsyncConnection

from models.catalogue import Product, RatePlan, find_product
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


RatePlansInput = Annotated[list[RatePlanInput], Field(min_length=1, max_length=20)]


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
    product = await find_product(connection, body.product_id)
    errors = list(start_date_errors(body.start_date, today))
    if product is None or product.retired_at is not None:
        raise InvalidInput(errors=[*errors, FieldError("product_id", "not_in_catalogue")])
    errors += _shipping_errors(body, product)
    destination = body.destination.model_dump(mode="json") if body.destination else None
    if body.shipping_required and destination is None:
        offered = await offered_addresses(connection, tenant_id, customer_id)
        destination = offered[0] if len(offered) == 1 else None
        errors += [] if destination else [FieldError("destination", "required")]
    plans = chosen_plans(body.rate_plans, product.rate_plans, errors)
    if errors:
        raise InvalidInput(errors=errors)
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


def chosen_plans(
    wanted: Sequence[RatePlanInput],
    catalogue: Sequence[RatePlan],
    errors: list[FieldError],
    kept: Mapping[str, ChosenPlan] | None = None,
) -> tuple[ChosenPlan, ...]:
    """With the charges of today; `kept` are the contract's own, which may have left the catalogue (UND-02).

    What is wrong is added to `errors`.
    """
    offered = {plan.rate_plan_id: _copied(plan) for plan in catalogue if plan.retired_at is None} | dict(kept or {})
    chosen = []
    for index, plan in enumerate(wanted):
        field = f"rate_plans.{index}.rate_plan_id"
        if plan.rate_plan_id not in offered:
            errors.append(FieldError(field, "not_in_catalogue"))
        elif plan.rate_plan_id in [earlier.rate_plan_id for earlier in wanted[:index]]:
            errors.append(FieldError(field, "duplicate"))
        else:
            agreed = {"quantity": plan.quantity, "unit_price": plan.unit_price}
            chosen.append(offered[plan.rate_plan_id].model_copy(update=agreed))
    return tuple(chosen)


def _copied(plan: RatePlan) -> ChosenPlan:
    charges: list[dict[str, Any]] = [charge.model_dump(mode="json", include=_OF_A_CHARGE) for charge in plan.charges]
    return ChosenPlan(rate_plan_id=plan.rate_plan_id, name=plan.name, quantity=1, charges=tuple(charges))


def _shipping_errors(body: ContractInput, product: Product) -> Iterator[FieldError]:
    given = {"shipping_required": body.shipping_required, "utm_id": body.utm_id, "destination": body.destination}
    if not product.includes_utm:
        yield from (FieldError(name, "only_with_utm") for name, value in given.items() if value)
    elif body.shipping_required and body.utm_id is not None:
        yield FieldError("utm_id", "only_without_shipping")
    elif not body.shipping_required and body.destination is not None:
        yield FieldError("destination", "only_with_shipping")
