"""When somebody who does not decide is reminded again."""

from datetime import UTC, datetime, timedelta

import pytest

from models.rules.reminders import reminders_after

WEEK = timedelta(days=7)
MOMENT = timedelta(microseconds=1)


def day(number: int) -> datetime:
    return datetime(2027, 1, number, 9, tzinfo=UTC)


@pytest.mark.requirement("APP-15", "ADD-06")
@pytest.mark.parametrize(
    ("planned", "now", "expected"),
    [
        ([day(3), day(7)], day(3), [day(7)]),
        ([day(3), day(7)], day(3) - MOMENT, [day(7)]),
        ([day(3), day(7)], day(7) - MOMENT, [day(7)]),
        ([day(3), day(7)], day(7), [day(14)]),
        ([day(7)], day(7), [day(14)]),
        ([day(7)], day(7) - MOMENT, [day(14)]),
        ([day(7)], day(14) - MOMENT, [day(14)]),
        ([day(7)], day(14), [day(21)]),
        ([day(3), day(7)], day(27), [day(28)]),
    ],
    ids=[
        *("the second", "a timer may be a moment early", "late, but before the second", "so late that it told both"),
        *("a week later", "early again", "late, but in the week", "a week late", "weeks late"),
    ],
)
def test_the_next_reminder_is_never_one_that_was_missed(
    planned: list[datetime], now: datetime, expected: list[datetime]
) -> None:
    """After weeks without a worker staff get one mail, and the next when the series has it."""
    assert reminders_after(planned, WEEK, now) == expected
