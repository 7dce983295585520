"""The terms of a contract (CON-03, CON-04, CON-10)."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.contract_terms import (
    Terms,
    day_after_months,
    expires_on,
    in_months,
    last_day,
    months_begun,
    next_renewal,
    renewals_between,
    term,
    term_on,
    terms_begun,
)
from models.vocabulary import TermUnit

pytestmark = pytest.mark.requirement("CON-03")

DAY = timedelta(days=1)
STARTS = st.dates(date(2000, 1, 1), date(2100, 12, 31)) | st.dates(date(2027, 1, 28), date(2028, 3, 2))
RENEWING = st.builds(Terms, STARTS, st.integers(1, 72), st.integers(1, 72))


@pytest.mark.parametrize(
    ("start", "months", "terms"),
    [
        ("2023-05-01", 12, ["2024-04-30", "2025-04-30"]),
        ("2027-01-31", 1, ["2027-02-28", "2027-03-30", "2027-04-30", "2027-05-30", "2027-06-30", "2027-07-30"]),
        ("2027-01-30", 1, ["2027-02-28", "2027-03-29", "2027-04-29"]),
        ("2027-01-29", 1, ["2027-02-28", "2027-03-28"]),
        ("2028-01-29", 1, ["2028-02-28", "2028-03-28"]),
        ("2028-01-30", 1, ["2028-02-29", "2028-03-29"]),
        ("2027-01-28", 1, ["2027-02-27", "2027-03-27"]),
        ("2028-02-29", 12, ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-28", "2033-02-28"]),
        ("2027-12-31", 2, ["2028-02-29", "2028-04-30", "2028-06-30", "2028-08-30"]),
        ("2027-02-28", 12, ["2028-02-27", "2029-02-27"]),
        ("2099-11-30", 3, ["2100-02-28", "2100-05-29"]),
    ],
)
def test_a_term_ends_the_day_before_the_corresponding_day(start: str, months: int, terms: list[str]) -> None:
    """Or with the last day of a month that has no such day; always counted from the original start."""
    counted = Terms(date.fromisoformat(start), months, months)
    assert [term(counted, number).last_day.isoformat() for number in range(len(terms))] == terms


def test_the_terms_of_the_requirement() -> None:
    """Monthly from 31 January 2027; yearly from 29 February 2028."""
    monthly = terms_begun(Terms(date(2027, 1, 31), 1, 1), date(2027, 5, 1))
    assert [(t.first_day.isoformat(), t.last_day.isoformat()) for t in monthly] == [
        ("2027-01-31", "2027-02-28"),
        ("2027-03-01", "2027-03-30"),
        ("2027-03-31", "2027-04-30"),
        ("2027-05-01", "2027-05-30"),
    ]
    yearly = terms_begun(Terms(date(2028, 2, 29), 12, 12), date(2029, 3, 1))
    assert [(t.first_day.isoformat(), t.last_day.isoformat()) for t in yearly] == [
        ("2028-02-29", "2029-02-28"),
        ("2029-03-01", "2030-02-28"),
    ]


@pytest.mark.requirement("CON-04")
def test_renewal_terms_follow_the_initial_term() -> None:
    """Two years, then half-years, each with its own number."""
    terms = Terms(date(2026, 8, 31), in_months(2, TermUnit.YEAR), in_months(6, TermUnit.MONTH))
    begun = terms_begun(terms, date(2029, 12, 31))
    assert [(t.number, t.first_day.isoformat(), t.last_day.isoformat()) for t in begun] == [
        (0, "2026-08-31", "2028-08-30"),
        (1, "2028-08-31", "2029-02-28"),
        (2, "2029-03-01", "2029-08-30"),
        (3, "2029-08-31", "2030-02-28"),
    ]


@pytest.mark.requirement("CON-04")
def test_without_a_renewal_term_it_expires_the_day_after_its_last() -> None:
    """Nothing renews, and no term is found on that day."""
    terms = Terms(date(2027, 1, 31), 1, 0)
    assert (last_day(terms), expires_on(terms)) == (date(2027, 2, 28), date(2027, 3, 1))
    assert term_on(terms, date(2027, 2, 28)) == term(terms, 0)
    assert term_on(terms, date(2027, 3, 1)) is None
    assert next_renewal(terms, terms.start) is None
    assert renewals_between(terms, terms.start, date(2090, 1, 1)) == []


@pytest.mark.requirement("CON-10")
def test_before_the_start_no_term_runs() -> None:
    """And the first renewal is the one after the initial term."""
    terms = Terms(date(2027, 4, 1), 12, 12)
    assert term_on(terms, date(2027, 3, 31)) is None
    assert term_on(terms, date(2027, 4, 1)) == term(terms, 0)
    assert next_renewal(terms, date(2026, 1, 1)) == term(terms, 1)
    assert terms_begun(terms, date(2027, 3, 31)) == []


def test_a_contract_that_renews_has_no_last_day() -> None:
    """It goes on by itself."""
    terms = Terms(date(2027, 4, 1), 12, 1)
    assert (last_day(terms), expires_on(terms)) == (None, None)


def test_a_term_beyond_the_calendar_is_an_error() -> None:
    """No date is made up."""
    with pytest.raises(ValueError, match="year"):
        day_after_months(date(9999, 12, 1), 1)


@given(RENEWING, st.integers(0, 300))
def test_terms_neither_overlap_nor_leave_a_gap(terms: Terms, number: int) -> None:
    """Each begins the day after the one before it ended, and has at least 28 days."""
    one, following = term(terms, number), term(terms, number + 1)
    assert following.first_day - one.last_day == DAY
    assert (one.last_day - one.first_day).days >= 27


@given(STARTS, st.integers(1, 60), st.integers(1, 12), st.integers(1, 30))
def test_n_single_renewals_end_where_one_n_fold_renewal_ends(start: date, initial: int, renewal: int, n: int) -> None:
    """Nothing drifts."""
    assert term(Terms(start, initial, renewal), n).last_day == term(Terms(start, initial, renewal * n), 1).last_day


@given(RENEWING, st.integers(-800, 36_000))
def test_every_day_from_the_start_lies_in_one_term(terms: Terms, days: int) -> None:
    """The term found is the one whose days contain it, and its neighbours' do not."""
    day = terms.start + timedelta(days=days)
    found = term_on(terms, day)
    if days < 0:
        assert found is None
        return
    assert found is not None
    assert found.first_day <= day <= found.last_day
    assert found == term(terms, found.number)


@given(STARTS, st.integers(0, 900))
def test_a_corresponding_day_that_exists_is_the_day(start: date, months: int) -> None:
    """Otherwise it is the first of the month after the one that lacks it."""
    after = day_after_months(start, months)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if after.day == start.day:
        assert (after.year, after.month) == (year, month + 1)
    else:
        assert start.day > 28
        assert after.day == 1
        assert ((after - DAY).year, (after - DAY).month) == (year, month + 1)
        assert (after - DAY).day < start.day


@given(STARTS, st.integers(-2_000, 30_000))
def test_months_begun_are_those_whose_first_day_has_come(start: date, days: int) -> None:
    """The month before has begun, the next one has not."""
    day = start + timedelta(days=days)
    begun = months_begun(start, day)
    assert day_after_months(start, begun) <= day < day_after_months(start, begun + 1)


@given(RENEWING, st.integers(0, 3_000), st.integers(0, 3_000))
def test_renewals_between_two_days_are_split_by_any_day(terms: Terms, first: int, second: int) -> None:
    """None is lost and none comes twice, wherever somebody stops counting and goes on (UND-02)."""
    middle = terms.start + timedelta(days=min(first, second))
    until = terms.start + timedelta(days=max(first, second))
    whole = renewals_between(terms, terms.start, until)
    assert renewals_between(terms, terms.start, middle) + renewals_between(terms, middle, until) == whole
    assert all(after.number - before.number == 1 for before, after in pairwise(whole))
    assert [t.number for t in terms_begun(terms, until)] == list(range(len(whole) + 1))
