"""Days, months and years as people name them (APP-10, APP-16)."""

from datetime import UTC, date, datetime

import pytest

from models.rules.periods import first_day, last_day, start_of_day

pytestmark = pytest.mark.requirement("APP-10")


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-11-21", date(2026, 11, 21), date(2026, 11, 21)),
    ],
)
def test_a_period_has_a_first_and_a_last_day(period: str, first: date, last: date) -> None:
    """A leap day is one of February's."""
    assert (first_day(period), last_day(period)) == (first, last)


@pytest.mark.parametrize(
    "text", ["", "26", "2026-1", "2026-13", "2026-00", "2026-02-30", "2026/11", "0001", "9999", "２０２６"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    """Neither end of it is guessed."""
    for read in (first_day, last_day):
        with pytest.raises(ValueError, match=r"no period|out of range|must be in range"):
            read(text)


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 11, 21), "Asia/Tokyo", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        (date(2026, 11, 21), "America/New_York", datetime(2026, 11, 21, 5, tzinfo=UTC)),
        (date(2026, 9, 6), "America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),  # midnight is skipped
    ],
)
def test_a_day_begins_at_its_own_midnight(day: date, zone: str, expected: datetime) -> None:
    """Where there is none, at the instant of the skip."""
    assert start_of_day(day, zone) == expected
