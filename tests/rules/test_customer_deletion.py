"""A customer's status, and when it may be deleted (CUS-03, CUS-05)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.contract_terms import Terms
from models.rules.customer_deletion import (
    Deletability,
    contract_last_day,
    customer_status,
    deletability,
    earliest_deletion,
)
from models.vocabulary import ContractStatus, CustomerStatus, DeletionBlocker

TODAY = date(2027, 5, 10)
UTM, IN_FORCE, RECENT = DeletionBlocker


@pytest.mark.requirement("CUS-03", "CON-10")
@pytest.mark.parametrize(
    ("last_days", "status"),
    [
        ([], CustomerStatus.DRAFT),
        ([None], CustomerStatus.ACTIVE),
        ([date(2027, 5, 10)], CustomerStatus.ACTIVE),  # cancelled, and its last day is today
        ([date(2027, 5, 9)], CustomerStatus.CANCELLED),
        ([date(2027, 5, 9), None], CustomerStatus.ACTIVE),
        ([date(2027, 5, 9), date(2020, 1, 1)], CustomerStatus.CANCELLED),
    ],
)
def test_the_status_follows_the_contracts(last_days: list[date | None], status: CustomerStatus) -> None:
    """Draft without any, active while one is in force, cancelled when none is any more."""
    assert customer_status(last_days, TODAY) is status


@pytest.mark.requirement("CUS-05")
@pytest.mark.parametrize(
    ("ends", "since"),
    [
        ("2027-05-31", "2027-06-05"),
        ("2027-05-01", "2027-06-05"),
        ("2027-12-31", "2028-01-05"),
        ("2027-12-01", "2028-01-05"),
        ("2028-02-29", "2028-03-05"),
        ("2027-01-31", "2027-02-05"),
    ],
)
def test_deletion_opens_on_the_fifth_of_the_month_after_the_latest_end(ends: str, since: str) -> None:
    """Of all contracts the one that ended last counts."""
    last_day = date.fromisoformat(ends)
    assert earliest_deletion([date(2026, 1, 1), last_day]) == date.fromisoformat(since)


@pytest.mark.requirement("CUS-05")
@pytest.mark.parametrize(
    ("last_days", "utms", "blockers", "since"),
    [
        ([], 0, (), None),
        ([], 1, (UTM,), None),
        ([None], 0, (IN_FORCE,), None),
        ([date(2027, 5, 10)], 2, (UTM, IN_FORCE), date(2027, 6, 5)),
        ([date(2027, 5, 9)], 0, (RECENT,), date(2027, 6, 5)),
        ([date(2027, 4, 30)], 1, (UTM,), date(2027, 5, 5)),
        ([date(2027, 4, 30)], 0, (), date(2027, 5, 5)),
        ([date(2027, 4, 30), None], 0, (IN_FORCE,), None),
    ],
)
def test_what_stands_in_the_way_is_named(
    last_days: list[date | None], utms: int, blockers: tuple[DeletionBlocker, ...], since: date | None
) -> None:
    """UTMs, contracts in force, and the days after the last one."""
    assert deletability(last_days, utms, TODAY) == Deletability(blockers, since)


@pytest.mark.requirement("CUS-05")
@given(st.lists(st.dates(date(2026, 1, 1), date(2030, 1, 1)), min_size=1, max_size=4), st.integers(0, 90))
def test_the_first_day_named_is_the_first_day_it_is_allowed(last_days: list[date], days: int) -> None:
    """Refused every day before, allowed every day from then on."""
    since = earliest_deletion(last_days)
    assert since is not None
    assert not deletability(last_days, 0, since + timedelta(days=days)).blockers
    assert deletability(last_days, 0, since - timedelta(days=days + 1)).blockers


def test_a_contracts_last_day_is_its_cancellation_date_or_its_terms_end() -> None:
    """None while it renews."""
    once, yearly = Terms(date(2027, 4, 1), 12, 0), Terms(date(2027, 4, 1), 12, 12)
    assert contract_last_day(ContractStatus.ACTIVE, yearly, None) is None
    assert contract_last_day(ContractStatus.ACTIVE, once, None) == date(2028, 3, 31)
    assert contract_last_day(ContractStatus.EXPIRED, once, None) == date(2028, 3, 31)
    assert contract_last_day(ContractStatus.CANCELLED, once, TODAY) == TODAY
