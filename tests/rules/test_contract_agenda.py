"""What comes to a contract by the calendar (CON-04, CON-05)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.contract_agenda import (
    Calendar,
    Due,
    Event,
    agenda,
    next_due,
    notice_name,
    notice_to_make_up,
    notices_of,
)
from models.rules.contract_terms import Terms, expires_on, renewals_between, term
from models.rules.periods import day_of, start_of_day

NOTICES = (timedelta(days=60), timedelta(days=30))
ZONES = ("Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "UTC")
YEARLY = Calendar(Terms(date(2027, 4, 1), 12, 12), "Asia/Tokyo", NOTICES)
APPLIED = datetime(2027, 3, 1, tzinfo=UTC)
CALENDARS = st.builds(
    Calendar,
    st.builds(Terms, st.dates(date(2026, 1, 1), date(2032, 12, 31)), st.integers(1, 26), st.integers(0, 26)),
    st.sampled_from(ZONES),
    st.just(NOTICES) | st.lists(st.integers(0, 100).map(timedelta), max_size=3, unique=True).map(tuple),
    st.none() | st.dates(date(2026, 1, 1), date(2036, 1, 1)),
)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def told(calendar: Calendar, after: str, until: str) -> list[tuple[str, str]]:
    """Local time and name of everything due."""
    zone = ZoneInfo(calendar.zone)
    return [
        (due.at.astimezone(zone).strftime("%Y-%m-%d %H:%M"), due.event)
        for due in agenda(calendar, instant(after), instant(until))
    ]


@pytest.mark.requirement("CON-05", "CON-04", "CON-10")
def test_a_yearly_contract_is_told_of_its_renewal_60_and_30_days_before() -> None:
    """At nine in the morning, where the tenant is; it starts and renews at midnight."""
    assert told(YEARLY, "2027-03-01T00:00Z", "2028-12-31T00:00Z") == [
        ("2027-04-01 00:00", "contract_starts"),
        ("2028-02-01 09:00", "renewal_notice"),
        ("2028-03-02 09:00", "renewal_notice"),
        ("2028-04-01 00:00", "contract_renews"),
    ]


@pytest.mark.requirement("CON-05")
def test_a_notice_names_the_term_that_begins() -> None:
    """The day before it is the last on which a cancellation avoids a fee."""
    due = next_due(YEARLY, instant("2027-05-01T00:00Z"))
    assert due == [Due(instant("2028-02-01T00:00Z"), Event.NOTICE, term(YEARLY.terms, 1))]


@pytest.mark.requirement("CON-05")
def test_notices_earlier_than_the_application_are_not_made_up() -> None:
    """A contract of one month is told 30 days before its renewal, and of the later ones both times."""
    monthly = Calendar(Terms(date(2027, 3, 15), 1, 1), "Asia/Tokyo", NOTICES)
    assert told(monthly, "2027-03-15T03:00Z", "2027-05-15T00:00Z") == [
        ("2027-03-16 09:00", "renewal_notice"),  # 60 days before 15 May; 30 before 15 April was 16 March as well
        ("2027-03-16 09:00", "renewal_notice"),
        ("2027-04-15 00:00", "contract_renews"),
        ("2027-04-15 09:00", "renewal_notice"),
        ("2027-04-16 09:00", "renewal_notice"),
        ("2027-05-15 00:00", "contract_renews"),
    ]


@pytest.mark.requirement("CON-04")
def test_a_contract_without_renewal_expires_at_midnight_after_its_last_day() -> None:
    """Nobody is told of a renewal."""
    calendar = Calendar(Terms(date(2027, 1, 31), 1, 0), "America/New_York", NOTICES)
    assert told(calendar, "2027-01-01T00:00Z", "2099-01-01T00:00Z") == [
        ("2027-01-31 00:00", "contract_starts"),
        ("2027-03-01 00:00", "contract_expires"),
    ]
    assert next_due(calendar, instant("2027-03-01T05:00Z")) == []


@pytest.mark.requirement("CAN-08", "CAN-05")
@pytest.mark.parametrize(
    ("cancelled_for", "left"),
    [
        ("2027-02-20", [("2027-02-21 00:00", "contract_ends")]),
        ("2028-03-31", [("2027-04-01 00:00", "contract_starts"), ("2028-04-01 00:00", "contract_ends")]),
        (
            "2028-04-01",
            [
                ("2027-04-01 00:00", "contract_starts"),
                ("2028-02-01 09:00", "renewal_notice"),
                ("2028-03-02 09:00", "renewal_notice"),
                ("2028-04-01 00:00", "contract_renews"),
                ("2028-04-02 00:00", "contract_ends"),
            ],
        ),
    ],
)
def test_a_cancelled_contract_renews_up_to_its_cancellation_date(
    cancelled_for: str, left: list[tuple[str, str]]
) -> None:
    """What would renew before the date renews, and is told of; what would renew after it does not."""
    calendar = Calendar(YEARLY.terms, YEARLY.zone, NOTICES, date.fromisoformat(cancelled_for))
    assert told(calendar, "2027-01-01T00:00Z", "2099-01-01T00:00Z") == left


@pytest.mark.requirement("CON-05", "GEN-01")
@pytest.mark.parametrize(
    ("zone", "renews", "notices"),
    [
        ("Asia/Tokyo", "2027-03-31T15:00Z", ["2027-01-31T00:00Z", "2027-03-02T00:00Z"]),
        ("America/New_York", "2027-04-01T04:00Z", ["2027-01-31T14:00Z", "2027-03-02T14:00Z"]),  # summer since 14 March
        ("Europe/Berlin", "2027-03-31T22:00Z", ["2027-01-31T08:00Z", "2027-03-02T08:00Z"]),
        ("Australia/Lord_Howe", "2027-03-31T13:00Z", ["2027-01-30T22:00Z", "2027-03-01T22:00Z"]),
    ],
)
def test_days_begin_where_the_tenant_is(zone: str, renews: str, notices: list[str]) -> None:
    """Also when the clocks change between the notice and the renewal."""
    calendar = Calendar(Terms(date(2026, 4, 1), 12, 12), zone, NOTICES)
    renewed = term(calendar.terms, 1)
    assert start_of_day(renewed.first_day, zone) == instant(renews)
    assert notices_of(calendar, renewed) == [instant(at) for at in notices]


@pytest.mark.requirement("GEN-01")
def test_a_midnight_that_the_clocks_skip_is_the_days_first_instant() -> None:
    """Cairo goes from 23:59 to 01:00 on the last Friday of April."""
    calendar = Calendar(Terms(date(2027, 4, 30), 1, 1), "Africa/Cairo")
    assert told(calendar, "2027-04-01T00:00Z", "2027-05-01T00:00Z") == [("2027-04-30 01:00", "contract_starts")]


@pytest.mark.requirement("UND-06")
def test_an_undo_makes_up_the_last_notice_that_fell_away() -> None:
    """One mail, for the renewal that is on again; none when it came in time."""
    was = Calendar(YEARLY.terms, YEARLY.zone, NOTICES, date(2028, 3, 31))
    cancelled, undone = instant("2027-12-01T00:00Z"), instant("2028-03-25T00:00Z")
    missed = notice_to_make_up(YEARLY, was, cancelled, undone)
    assert missed == Due(instant("2028-03-02T00:00Z"), Event.NOTICE, term(YEARLY.terms, 1))
    assert notice_to_make_up(YEARLY, was, instant("2028-03-03T00:00Z"), undone) is None
    later = Calendar(YEARLY.terms, YEARLY.zone, NOTICES, date(2028, 4, 30))
    assert notice_to_make_up(YEARLY, later, cancelled, undone) is None  # it was sent: that renewal was to happen
    assert notice_to_make_up(YEARLY, was, cancelled, instant("2028-04-02T00:00Z")) is None  # that one is past


@pytest.mark.requirement("UND-06")
def test_what_went_out_under_an_earlier_date_does_not_hide_what_was_missed_under_a_later() -> None:
    """Cancelled for 10 July, moved to 6 June, undone on the 9th: July's notice had been sent, August's had not."""
    monthly = Calendar(Terms(date(2027, 8, 5), 2, 1), "Asia/Tokyo", NOTICES)
    was = replace(monthly, cancelled_for=date(2028, 6, 6))
    cancelled, undone = instant("2028-06-02T22:30Z"), instant("2028-06-08T15:30Z")
    july, august = (term(monthly.terms, number) for number in (10, 11))
    sent = {notice_name(july, instant("2028-06-05T00:00Z"))}
    missed = notice_to_make_up(monthly, was, cancelled, undone, sent=sent)
    assert missed == Due(instant("2028-06-06T00:00Z"), Event.NOTICE, august)


@given(CALENDARS, st.datetimes(datetime(2025, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)), st.data())  # noqa: DTZ001 - made aware there
def test_whoever_stops_and_goes_on_misses_nothing(calendar: Calendar, after: datetime, data: st.DataObject) -> None:
    """The agenda of a time is the agendas of its parts."""
    until = after + timedelta(days=500)
    middle = after + timedelta(minutes=data.draw(st.integers(0, 500 * 1440)))
    whole = [*agenda(calendar, after, until)]
    assert [*agenda(calendar, after, middle), *agenda(calendar, middle, until)] == whole
    assert [due.at for due in whole] == sorted(due.at for due in whole)
    assert len(set(whole)) == len(whole)


@given(CALENDARS)
def test_the_agenda_is_what_the_requirements_say(calendar: Calendar) -> None:
    """Counted the long way: each renewal by its number, and what the cancellation leaves of them."""
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
    terms, zone, cancelled = calendar.terms, calendar.zone, calendar.cancelled_for
    renewed = [
        one
        for one in renewals_between(terms, terms.start, date(2036, 1, 1))
        if cancelled is None or one.first_day <= cancelled
    ]
    expected = [Due(start_of_day(one.first_day, zone), Event.RENEWAL, one) for one in renewed]
    expected += [Due(at, Event.NOTICE, one) for one in renewed for at in notices_of(calendar, one)]
    if cancelled is None or terms.start <= cancelled:
        expected.append(Due(start_of_day(terms.start, zone), Event.START))
    expiry = expires_on(terms)
    if cancelled:
        expected.append(Due(start_of_day(cancelled + timedelta(days=1), zone), Event.END))
    elif expiry:
        expected.append(Due(start_of_day(expiry, zone), Event.EXPIRY))
    found = [*agenda(calendar, begin, end)]
    assert {due for due in expected if begin < due.at <= end} == set(found)
    assert all(
        day_of(due.at, zone) == due.renewed.first_day for due in found if due.event is Event.RENEWAL and due.renewed
    )
