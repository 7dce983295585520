"""Monthly amounts, cancellation fees, and what part of a month costs (CAT-01, CAT-02, CAN-02)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.contract_terms import Terms, day_after_months, term_on
from models.rules.fees import (
    Charge,
    Fee,
    RatePlan,
    cancellation_fee,
    is_billed_by_the_month,
    price_of,
    recurring_amount,
    whole_months_left,
)
from models.rules.proration import days_in_service, days_of_month, discounted, prorated
from models.vocabulary import BillingPeriod, ChargeModel, ChargeType

PER_UNIT = Charge(ChargeType.RECURRING, ChargeModel.PER_UNIT, 3_000, BillingPeriod.MONTH)
FLAT = Charge(ChargeType.RECURRING, ChargeModel.FLAT_FEE, 500, BillingPeriod.MONTH)
YEARLY = Charge(ChargeType.RECURRING, ChargeModel.PER_UNIT, 30_000, BillingPeriod.YEAR)
SETUP = Charge(ChargeType.ONE_TIME, ChargeModel.FLAT_FEE, 10_000)
FREE_MONTH = Charge(ChargeType.RECURRING, ChargeModel.DISCOUNT_PERCENTAGE, 100, BillingPeriod.MONTH)
YEAR = Terms(date(2027, 4, 1), 12, 12)


@pytest.mark.requirement("CAN-02", "CAT-01")
def test_the_monthly_amount_is_what_comes_back_every_month() -> None:
    """Per unit by the quantity, flat fees once; neither set-up, nor discount, nor what comes each year."""
    plans = [RatePlan((PER_UNIT, FLAT, SETUP, FREE_MONTH), quantity=3), RatePlan((YEARLY,), quantity=2)]
    assert recurring_amount(plans) == 3 * 3_000 + 500
    assert recurring_amount(plans, BillingPeriod.YEAR) == 60_000


@pytest.mark.requirement("CON-01")
def test_an_agreed_unit_price_stands_in_for_the_plans_recurring_charge() -> None:
    """Zero is a price too; the plan's other charges stay as the catalogue has them."""
    plan = RatePlan((SETUP, PER_UNIT, FLAT), quantity=2, unit_price=0)
    assert [price_of(plan, charge) for charge in plan.charges] == [10_000, 0, 500]
    assert price_of(RatePlan((SETUP,), quantity=2, unit_price=7_000), SETUP) == 7_000


@pytest.mark.requirement("CAN-02")
@pytest.mark.parametrize(
    ("charges", "monthly"),
    [
        ((PER_UNIT,), True),
        ((PER_UNIT, FLAT, SETUP, FREE_MONTH), True),
        ((YEARLY,), False),
        ((PER_UNIT, YEARLY), False),
        ((SETUP,), False),
        ((), False),
    ],
)
def test_only_what_recurs_monthly_alone_is_billed_by_the_month(charges: tuple[Charge, ...], *, monthly: bool) -> None:
    """One charge by the year is enough to make it another contract."""
    assert is_billed_by_the_month([RatePlan(charges)]) is monthly


@pytest.mark.requirement("CAN-02")
@pytest.mark.parametrize(
    ("terms", "cancelled", "months"),
    [
        (YEAR, "2027-04-01", 11),
        (YEAR, "2027-09-15", 6),
        (YEAR, "2027-09-30", 6),
        (YEAR, "2027-08-31", 7),
        (YEAR, "2028-02-29", 1),
        (YEAR, "2028-03-01", 0),
        (YEAR, "2028-03-31", 0),
        (YEAR, "2028-04-01", 11),  # it renewed for another year
        (YEAR, "2027-03-31", 12),  # before it started
        (YEAR, "2027-01-01", 12),
        (Terms(date(2027, 1, 31), 12, 12), "2027-02-28", 11),
        (Terms(date(2027, 1, 31), 12, 12), "2027-03-30", 10),
        (Terms(date(2027, 1, 31), 12, 12), "2027-03-31", 9),
        (Terms(date(2028, 2, 29), 12, 12), "2028-12-28", 2),
        (Terms(date(2028, 2, 29), 12, 12), "2029-01-28", 1),
        (Terms(date(2027, 1, 31), 1, 1), "2027-03-15", 0),
        (Terms(date(2027, 4, 1), 24, 6), "2029-04-30", 5),
        (Terms(date(2027, 4, 1), 12, 0), "2027-04-30", 11),
        (Terms(date(2027, 4, 1), 12, 0), "2028-05-01", 0),  # it had expired
    ],
)
def test_the_months_left_are_those_of_the_binding_term_not_yet_begun(terms: Terms, cancelled: str, months: int) -> None:
    """Counted from the contract's start, like its terms."""
    assert whole_months_left(terms, date.fromisoformat(cancelled)) == months


@pytest.mark.requirement("CAN-02")
def test_the_fee_shows_its_arithmetic() -> None:
    """Amount × months; or the fixed charge, which the last month of a term is free of as well."""
    plans = [RatePlan((PER_UNIT, FLAT), quantity=2)]
    assert cancellation_fee(plans, YEAR, date(2027, 9, 15)) == Fee(39_000, 6_500, 6)
    assert cancellation_fee(plans, YEAR, date(2027, 9, 15), fixed=20_000) == Fee(20_000, 6_500, 6, is_fixed=True)
    assert cancellation_fee(plans, YEAR, date(2028, 3, 31)).amount == 0
    assert cancellation_fee(plans, YEAR, date(2028, 3, 31), fixed=20_000).amount == 0


@pytest.mark.requirement("CAN-02", "CON-05")
@given(
    st.builds(Terms, st.dates(date(2026, 1, 1), date(2032, 1, 1)), st.integers(1, 26), st.integers(1, 26)),
    st.integers(0, 3000),
)
def test_the_months_left_fit_between_the_date_and_the_terms_end(terms: Terms, days: int) -> None:
    """One more month would begin on the date or before it, and on a term's last day none is left."""
    day = terms.start + timedelta(days=days)
    binding = term_on(terms, day)
    assert binding is not None
    starts = [day_after_months(terms.start, month) for month in range(300)]
    assert whole_months_left(terms, day) == sum(day < start <= binding.last_day for start in starts)
    assert whole_months_left(terms, binding.last_day) == 0


@pytest.mark.parametrize(
    ("month", "first", "last", "days"),
    [
        ("2027-04-15", "2027-04-01", None, 30),
        ("2027-04-01", "2027-04-16", None, 15),
        ("2027-04-30", "2027-01-01", "2027-04-10", 10),
        ("2027-04-01", "2027-04-10", "2027-04-10", 1),
        ("2027-04-01", "2027-05-01", None, 0),
        ("2027-04-01", "2027-01-01", "2027-03-31", 0),
        ("2028-02-01", "2027-01-01", None, 29),
    ],
)
def test_a_month_counts_the_days_in_service(month: str, first: str, last: str | None, days: int) -> None:
    """Both the first and the last day are served."""
    ends = date.fromisoformat(last) if last else None
    assert days_in_service(date.fromisoformat(month), date.fromisoformat(first), ends) == days


@pytest.mark.requirement("CAT-02")
def test_parts_and_discounts_round_down_to_whole_yen() -> None:
    """A full month is the full amount; a discount of 100 % leaves nothing."""
    assert [prorated(1_000, days, 30) for days in (0, 1, 15, 30)] == [0, 33, 500, 1_000]
    assert [discounted(999, percent) for percent in (0, 50, 100)] == [999, 499, 0]


@given(st.dates(date(2026, 1, 1), date(2040, 1, 1)), st.integers(0, 10**7), st.integers(1, 27))
def test_two_parts_of_a_month_never_cost_more_than_the_whole(month: date, amount: int, split: int) -> None:
    """What rounding leaves out is at most a yen."""
    days = days_of_month(month)
    parts = prorated(amount, split, days) + prorated(amount, days - split, days)
    assert amount - 1 <= parts <= amount
