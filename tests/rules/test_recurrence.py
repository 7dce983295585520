"""When something that recurs is due."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from models.rules.recurrence import next_daily

ZONES = ("Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware there


def test_it_is_the_places_own_time() -> None:
    """03:00 in Tokyo is 18:00 UTC of the day before; the very instant is already past."""
    three = datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert next_daily(three - timedelta(seconds=1), time(3), "Asia/Tokyo") == three
    assert next_daily(three, time(3), "Asia/Tokyo") == three + timedelta(days=1)


def test_a_time_that_the_clocks_skip_comes_later_that_day() -> None:
    """New York has no 02:30 on 14 March 2027."""
    before = datetime(2027, 3, 14, 5, tzinfo=UTC)
    assert next_daily(before, time(2, 30), "America/New_York") == datetime(2027, 3, 14, 7, 30, tzinfo=UTC)


@given(INSTANTS, st.times(), st.sampled_from(ZONES))
def test_the_next_one_is_later_and_soon_and_at_that_time(after: datetime, at: time, zone: str) -> None:
    """Never the same instant again, never more than two days away (a zone may skip a whole day)."""
    due = next_daily(after, at, zone)
    assert timedelta(0) < due - after <= timedelta(days=2, hours=1)
    shown = due.astimezone(ZoneInfo(zone)).time()
    assert (
        shown == at
        or due.astimezone(ZoneInfo(zone)).dst() != (due - timedelta(hours=2)).astimezone(ZoneInfo(zone)).dst()
    )
