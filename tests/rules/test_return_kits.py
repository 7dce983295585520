"""The dates of a return kit (KIT-01, KIT-04)."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendars import is_business_day
from models.durations import Durations
from models.rules.return_kits import kit_due_date, kit_reminders, kit_request_day, kit_requested_at, kit_unreturned_at

JAPAN = is_business_day("JP")
DURATIONS = Durations()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.requirement("KIT-01")
@pytest.mark.parametrize(
    ("cancelled", "requested"),
    [
        ("2026-11-23", "2026-11-24"),
        ("2026-11-20", "2026-11-24"),  # a Friday before Labour Thanksgiving Day
        ("2026-12-30", "2027-01-04"),  # the banks' new year
        ("2026-04-30", "2026-05-01"),
        ("2026-05-01", "2026-05-07"),  # Golden Week with its substitute holiday
        ("2028-02-28", "2028-02-29"),
    ],
)
def test_a_kit_goes_out_on_the_first_business_day_after_the_date(cancelled: str, requested: str) -> None:
    """At nine in the tenant's morning."""
    day = date.fromisoformat(cancelled)
    assert kit_request_day(day, JAPAN).isoformat() == requested
    assert kit_requested_at(day, "Asia/Tokyo", JAPAN) == instant(f"{requested}T00:00Z")


@pytest.mark.requirement("KIT-01", "KIT-04")
@pytest.mark.parametrize(
    ("zone", "reminders", "unreturned"),
    [
        ("Asia/Tokyo", ["2026-10-23T00:00Z", "2026-11-06T00:00Z", "2026-11-20T00:00Z"], "2026-12-04T15:00Z"),
        ("America/New_York", ["2026-10-23T13:00Z", "2026-11-06T14:00Z", "2026-11-20T14:00Z"], "2026-12-05T05:00Z"),
    ],
)
def test_everything_after_is_counted_from_the_day_it_was_sent(zone: str, reminders: list[str], unreturned: str) -> None:
    """Due after 28 days; reminded at 14, 28 and 42; kept when day 56 is over."""
    sent_on = date(2026, 10, 9)
    assert kit_due_date(sent_on, DURATIONS.return_kit_due) == date(2026, 11, 6)
    assert kit_reminders(sent_on, zone, DURATIONS.return_kit_reminders) == [instant(at) for at in reminders]
    assert kit_unreturned_at(sent_on, zone, DURATIONS.return_kit_patience) == instant(unreturned)


@pytest.mark.requirement("KIT-01")
@given(st.dates(date(2026, 1, 1), date(2040, 1, 1)))
def test_no_business_day_is_let_pass(cancelled: date) -> None:
    """Whatever lies between the date and the request is a day off."""
    day = kit_request_day(cancelled, JAPAN)
    assert cancelled < day
    assert JAPAN(day)
    assert not any(JAPAN(cancelled + timedelta(days=days)) for days in range(1, (day - cancelled).days))
