"""What a contract costs by its charges, and what leaving it early costs (CAT-01, CAT-02, CAN-02). Whole yen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from models.rules.contract_terms import Terms, months_begun, term_on
from models.vocabulary import BillingPeriod, ChargeModel, ChargeType


@dataclass(frozen=True)
class Charge:
    """`amount`: yen, or percent of a discount. `period`: of a recurring charge."""

    type: ChargeType
    model: ChargeModel
    amount: int
    period: BillingPeriod | None = None


@dataclass(frozen=True)
class RatePlan:
    """A rate plan as the contract has it: the agreed unit price stands in for the catalogue's."""

    charges: Sequence[Charge]
    quantity: int = 1
    unit_price: int | None = None


@dataclass(frozen=True)
class Fee:
    """`amount` = `monthly_amount` × `months_left`, unless a fixed charge replaces the formula."""

    amount: int
    monthly_amount: int
    months_left: int
    is_fixed: bool = False


def price_of(plan: RatePlan, charge: Charge) -> int:
    """What the charge costs once: a flat fee whatever the quantity, the others for each unit."""
    is_agreed = plan.unit_price is not None and charge is _main_charge(plan)
    price = plan.unit_price if is_agreed and plan.unit_price is not None else charge.amount
    return price if charge.model is ChargeModel.FLAT_FEE else price * plan.quantity


def recurring_amount(plans: Sequence[RatePlan], period: BillingPeriod = BillingPeriod.MONTH) -> int:
    """What comes back every month, or year. Discounts are of the first month and change nothing here (CAT-02)."""
    return sum(price_of(plan, charge) for plan, charge in _recurring(plans) if charge.period is period)


def is_billed_by_the_month(plans: Sequence[RatePlan]) -> bool:
    """It has recurring charges, and every one of them comes each month (CAN-02)."""
    periods = {charge.period for _, charge in _recurring(plans)}
    return periods == {BillingPeriod.MONTH}


def whole_months_left(terms: Terms, cancellation_date: date) -> int:
    """The months of the binding term that begin after the cancellation date, counted from the contract's start.

    The binding term is the one that the date lies in. Before the contract's start nothing of the initial term has
    begun; after its last day nothing binds.
    """
    if cancellation_date < terms.start:
        return terms.initial
    binding = term_on(terms, cancellation_date)
    if binding is None:
        return 0
    months_to_end = terms.initial + binding.number * terms.renewal
    return months_to_end - 1 - months_begun(terms.start, cancellation_date)


def cancellation_fee(
    plans: Sequence[RatePlan], terms: Terms, cancellation_date: date, *, fixed: int | None = None
) -> Fee:
    """The fee for leaving a contract that is billed by the month; `fixed` yen, where set, replace the formula.

    A date from which no month is left costs nothing either way: the last day of a term is the day to leave (CON-05).
    """
    monthly, months = recurring_amount(plans), whole_months_left(terms, cancellation_date)
    if fixed is not None and months:
        return Fee(fixed, monthly, months, is_fixed=True)
    return Fee(monthly * months, monthly, months)


def _recurring(plans: Sequence[RatePlan]) -> Iterator[tuple[RatePlan, Charge]]:
    for plan in plans:
        for charge in plan.charges:
            if charge.type is ChargeType.RECURRING and charge.model is not ChargeModel.DISCOUNT_PERCENTAGE:
                yield plan, charge


def _main_charge(plan: RatePlan) -> Charge | None:
    """The one that an agreed unit price is of: the first that recurs, else the first with a price."""
    priced = [charge for charge in plan.charges if charge.model is not ChargeModel.DISCOUNT_PERCENTAGE]
    recurring = [charge for charge in priced if charge.type is ChargeType.RECURRING]
    return next(iter([*recurring, *priced]), None)
