"""A cancellation's dates, its undoing, and which commands a contract takes (CAN, UND)."""

from datetime import date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.refusals import Refusal
from models.rules.cancellation import (
    cancellation_date_errors,
    portal_closes_at,
    renewal_prevented,
    service_ends_at,
    undo_deadline,
)
from models.rules.contract_decisions import Standing, refusal_of
from models.rules.contract_terms import Terms, renewals_between, term, term_on
from models.rules.periods import day_of
from models.vocabulary import ContractCommand, ContractStatus

YEARLY = Terms(date(2027, 4, 1), 12, 12)
ONCE = Terms(date(2027, 4, 1), 12, 0)
ZONES = ("Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "UTC")
SECOND = timedelta(seconds=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.requirement("CAN-01", "CAN-06")
@pytest.mark.parametrize(
    ("terms", "day", "codes"),
    [
        (YEARLY, "2027-05-09", ["date_in_the_past"]),
        (YEARLY, "2027-05-10", []),
        (YEARLY, "2031-12-31", []),
        (ONCE, "2028-03-31", []),
        (ONCE, "2028-04-01", ["after_contract_end"]),
        (Terms(date(2027, 9, 1), 12, 12), "2027-05-10", []),  # before it starts
    ],
)
def test_a_cancellation_date_is_today_or_later_and_within_the_contract(
    terms: Terms, day: str, codes: list[str]
) -> None:
    """A contract that ends by itself cannot be cancelled for a day after that."""
    errors = cancellation_date_errors(date.fromisoformat(day), date(2027, 5, 10), terms)
    assert [error.code for error in errors] == codes


@pytest.mark.requirement("CAN-05")
@pytest.mark.parametrize(
    ("zone", "ends", "closes"),
    [
        ("Asia/Tokyo", "2027-10-31T15:00Z", "2027-11-30T15:00Z"),
        ("America/New_York", "2027-11-01T04:00Z", "2027-12-01T05:00Z"),  # winter time since 7 November
        ("Europe/London", "2027-11-01T00:00Z", "2027-12-01T00:00Z"),
    ],
)
def test_service_runs_to_the_end_of_the_date_and_the_portal_30_days_longer(zone: str, ends: str, closes: str) -> None:
    """Days, not hours: at midnight, whatever the clocks did."""
    day = date(2027, 10, 31)
    assert service_ends_at(day, zone) == instant(ends)
    assert portal_closes_at(day, zone, timedelta(days=30)) == instant(closes)


@pytest.mark.requirement("CAN-08")
@pytest.mark.parametrize(
    ("day", "before", "prevented"),
    [
        ("2028-03-31", [], "2028-04-01"),
        ("2028-04-01", ["2028-04-01"], "2029-04-01"),
        ("2029-06-30", ["2028-04-01", "2029-04-01"], "2030-04-01"),
    ],
)
def test_renewals_up_to_the_cancellation_date_happen(day: str, before: list[str], prevented: str) -> None:
    """The last day of a term ends the contract with that term."""
    cancelled = date.fromisoformat(day)
    happening = renewals_between(YEARLY, date(2027, 6, 1), cancelled)
    assert [one.first_day.isoformat() for one in happening] == before
    missing = renewal_prevented(YEARLY, cancelled)
    assert missing is not None
    assert missing.first_day.isoformat() == prevented


@pytest.mark.requirement("UND-01", "GEN-01")
@pytest.mark.parametrize(
    ("day", "zone", "deadline"),
    [
        ("2027-05-10", "Asia/Tokyo", "2027-05-31T15:00Z"),
        ("2027-05-31", "Asia/Tokyo", "2027-05-31T15:00Z"),
        ("2027-05-01", "Asia/Tokyo", "2027-05-31T15:00Z"),
        ("2027-12-31", "Asia/Tokyo", "2027-12-31T15:00Z"),
        ("2028-02-29", "Asia/Tokyo", "2028-02-29T15:00Z"),
        ("2027-10-15", "America/New_York", "2027-11-01T04:00Z"),
        ("2027-11-15", "America/New_York", "2027-12-01T05:00Z"),
        ("2027-09-30", "Australia/Lord_Howe", "2027-09-30T13:30Z"),
        ("2027-10-31", "Australia/Lord_Howe", "2027-10-31T13:00Z"),
    ],
)
def test_the_window_closes_when_the_next_month_begins(day: str, zone: str, deadline: str) -> None:
    """At midnight there."""
    assert undo_deadline(date.fromisoformat(day), zone) == instant(deadline)


@pytest.mark.requirement("UND-01")
@given(
    st.dates(date(2026, 1, 1), date(2040, 1, 1)),
    st.integers(-4_000_000, 8_000_000).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from(ZONES),
)
def test_the_window_is_open_while_the_date_lies_in_this_month_or_later(day: date, away: timedelta, zone: str) -> None:
    """The rule as it is written, and the deadline as it is shown, are one."""
    now = service_ends_at(day, zone) + away
    assert (now < undo_deadline(day, zone)) == (day >= day_of(now, zone).replace(day=1))


@pytest.mark.requirement("CAN-08")
@given(
    st.builds(Terms, st.dates(date(2026, 1, 1), date(2032, 1, 1)), st.integers(1, 26), st.integers(1, 26)),
    st.integers(0, 4000),
)
def test_a_cancelled_contract_ends_in_the_last_term_that_begins(terms: Terms, days: int) -> None:
    """The renewals before the date lead to its term; the one prevented would have come right after."""
    day = terms.start + timedelta(days=days)
    last = [term(terms, 0), *renewals_between(terms, terms.start, day)][-1]
    assert term_on(terms, day) == last
    assert renewal_prevented(terms, day) == term(terms, last.number + 1)


ACTIVE = Standing(ContractStatus.ACTIVE, "Asia/Tokyo", includes_utm=True)
EXPIRED = Standing(ContractStatus.EXPIRED, "Asia/Tokyo", includes_utm=True)
CANCELLED = Standing(ContractStatus.CANCELLED, "Asia/Tokyo", includes_utm=True, cancellation_date=date(2027, 5, 10))
WITHOUT_UTM = Standing(ContractStatus.CANCELLED, "Asia/Tokyo", includes_utm=False, cancellation_date=date(2027, 5, 10))
RUNNING, ENDED, CLOSED = "2027-05-10T14:59:59Z", "2027-05-10T15:00:00Z", "2027-05-31T15:00:00Z"


@pytest.mark.requirement("CON-08", "CAN-01", "CAN-06", "CAN-07", "UND-01")
@pytest.mark.parametrize(
    ("standing", "now", "answers"),
    [
        (ACTIVE, RUNNING, [None, None, "wrong_state", "wrong_state"]),
        (CANCELLED, RUNNING, ["wrong_state", "already_cancelled", None, None]),
        (CANCELLED, ENDED, ["wrong_state", "already_cancelled", "cancellation_over", None]),
        (CANCELLED, CLOSED, ["wrong_state", "already_cancelled", "cancellation_over", "undo_window_closed"]),
        (WITHOUT_UTM, RUNNING, ["wrong_state", "already_cancelled", None, "undo_not_offered"]),
        (WITHOUT_UTM, CLOSED, ["wrong_state", "already_cancelled", "cancellation_over", "undo_not_offered"]),
        (EXPIRED, CLOSED, ["wrong_state", "wrong_state", "wrong_state", "wrong_state"]),
    ],
)
def test_a_contract_takes_the_commands_of_its_state(standing: Standing, now: str, answers: list[str | None]) -> None:
    """Change, cancel, reschedule, undo: each either taken or refused with the state the contract has."""
    refusals = [refusal_of(command, standing, instant(now)) for command in ContractCommand]
    assert [refusal.code if refusal else None for refusal in refusals] == answers
    assert {refusal.state for refusal in refusals if refusal} <= {standing.status}


@pytest.mark.requirement("CAN-07", "UND-01")
def test_refusals_name_the_dates() -> None:
    """In the tenant's own time."""
    again = refusal_of(ContractCommand.CANCEL, CANCELLED, instant(RUNNING))
    late = refusal_of(ContractCommand.UNDO, CANCELLED, instant(CLOSED))
    assert again is not None
    assert late is not None
    assert again.sentence("en") == "It was cancelled for 2027-05-10."
    assert late.facts == {"cancellation_date": "2027-05-10", "undo_deadline": "2027-06-01T00:00:00+09:00"}


@pytest.mark.parametrize(("command", "language"), [*product(ContractCommand, ("en", "ja"))])
def test_every_refusal_tells_everything_it_promises(command: ContractCommand, language: str) -> None:
    """No sentence with a gap in it, also after it went through a workflow."""
    for standing in (ACTIVE, CANCELLED, WITHOUT_UTM, EXPIRED):
        for now in (RUNNING, ENDED, CLOSED):
            refusal = refusal_of(command, standing, instant(now))
            if refusal:
                passed = Refusal.from_code(refusal.code, refusal.details())
                assert passed is not None
                assert "…" not in passed.sentence(language)
