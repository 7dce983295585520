"""Counting in business days: what is one is the caller's to say, by a country's calendar (`models/calendars.py`)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

IsBusinessDay = Callable[[date], bool]

_LONGEST_CLOSURE = 366
"""Days. A calendar that never opens again is a mistake, not a reason to count for ever."""


def next_business_day(after: date, is_business_day: IsBusinessDay) -> date:
    """The first business day after the given day.

    Raises:
        ValueError: there is none within a year.
    """
    for days in range(1, _LONGEST_CLOSURE + 1):
        day = after + timedelta(days=days)
        if is_business_day(day):
            return day
    message = f"no business day within a year after {after}"
    raise ValueError(message)


def business_day_after(start: date, count: int, is_business_day: IsBusinessDay) -> date:
    """The count-th business day after the given day; the day itself never counts. With 0, the day itself."""
    day = start
    for _ in range(count):
        day = next_business_day(day, is_business_day)
    return day


def after_business_days(start: datetime, zone: str, count: int, is_business_day: IsBusinessDay) -> datetime:
    """The same local time of day as `start` (aware), on the count-th business day after it. In UTC.

    A local time that the clocks skip that day is taken by the offset before the skip.
    """
    local = start.astimezone(ZoneInfo(zone))
    day = business_day_after(local.date(), count, is_business_day)
    return datetime.combine(day, local.timetz()).astimezone(UTC)
