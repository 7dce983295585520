"""Counting in business days (APP-15, SHP-04, KIT-01)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendars import is_business_day
from models.rules.business_days import after_business_days, business_day_after, next_business_day

JAPAN = is_business_day("JP")


@pytest.mark.requirement("APP-15")
@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        ("2026-08-03", 3, "2026-08-06"),  # Monday to Thursday
        ("2026-08-07", 1, "2026-08-10"),  # over a weekend
        ("2026-08-10", 1, "2026-08-12"),  # over Mountain Day
        ("2026-05-01", 1, "2026-05-07"),  # over Golden Week, with a substitute holiday
        ("2026-09-18", 1, "2026-09-24"),  # over a citizens' holiday between two others
        ("2026-12-30", 1, "2027-01-04"),  # over the banks' new year
        ("2026-12-28", 7, "2027-01-08"),
        ("2026-08-08", 1, "2026-08-10"),  # from a Saturday
        ("2026-08-08", 0, "2026-08-08"),
    ],
)
def test_business_days_in_japan(start: str, count: int, expected: str) -> None:
    """Weekends, holidays and 31 December to 3 January do not count."""
    assert business_day_after(date.fromisoformat(start), count, JAPAN) == date.fromisoformat(expected)


@pytest.mark.requirement("APP-15", "GEN-01")
def test_the_day_is_the_tenants_and_the_time_of_day_stays() -> None:
    """16:00 UTC on Friday is Saturday 01:00 in Tokyo: the first business day after it is Monday."""
    friday_night = datetime(2026, 8, 7, 16, 0, tzinfo=UTC)
    assert after_business_days(friday_night, "Asia/Tokyo", 1, JAPAN) == datetime(2026, 8, 9, 16, 0, tzinfo=UTC)
    assert after_business_days(friday_night, "UTC", 1, JAPAN) == datetime(2026, 8, 10, 16, 0, tzinfo=UTC)


def test_a_time_of_day_survives_the_change_of_clocks() -> None:
    """09:00 in Berlin stays 09:00 over the end of summer time; what the clocks skip moves by an hour."""
    friday = datetime(2026, 10, 23, 7, 0, tzinfo=UTC)
    germany = is_business_day("DE")
    assert after_business_days(friday, "Europe/Berlin", 1, germany) == datetime(2026, 10, 26, 8, 0, tzinfo=UTC)
    saturday = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)  # 02:30, which the next day does not have
    assert after_business_days(saturday, "Europe/Berlin", 1, lambda _: True) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(1, 30))
def test_the_nth_business_day_has_n_of_them_behind_it(start: date, count: int) -> None:
    """It is one itself, and between the start and it there are n − 1 others."""
    day = business_day_after(start, count, JAPAN)
    between = [start + timedelta(days=n) for n in range(1, (day - start).days + 1)]
    assert sum(map(JAPAN, between)) == count
    assert JAPAN(day)


def test_a_country_without_a_calendar_works_from_monday_to_friday() -> None:
    """And a country with another weekend has its own."""
    assert [is_business_day("XX")(date(2026, 8, day)) for day in (7, 8, 9, 10)] == [True, False, False, True]
    assert is_business_day("IL")(date(2026, 8, 9))


def test_a_calendar_that_never_opens_is_a_mistake() -> None:
    """Counting ends, with an error."""
    with pytest.raises(ValueError, match="no business day"):
        next_business_day(date(2026, 8, 1), lambda _: False)
