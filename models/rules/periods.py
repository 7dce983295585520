"""Periods as people name them, a day, a month or a year, and the days of a time zone (APP-10, APP-16, GEN-01)."""

import calendar
import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

MORNING = time(9)
"""When people are written to on a day that no request has a time of day for."""

PERIOD = re.compile(r"([12][0-9]{3})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?")
"""`YYYY`, `YYYY-MM` or `YYYY-MM-DD`; the years are those in which no zone's day leaves the calendar."""


def first_day(period: str) -> date:
    """Raises: ValueError: it is no period."""
    year, month, day = _parts(period)
    return date(year, month or 1, day or 1)


def last_day(period: str) -> date:
    """Raises: ValueError: it is no period."""
    year, month, day = _parts(period)
    return date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])


def start_of_day(day: date, zone: str) -> datetime:
    """The day's first instant in the zone, also where the clocks skip midnight. In UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def morning_of(day: date, zone: str) -> datetime:
    """09:00 in the zone, when a day's mails go out; later by what the clocks skip then. In UTC."""
    return datetime.combine(day, MORNING, ZoneInfo(zone)).astimezone(UTC)


def day_of(instant: datetime, zone: str) -> date:
    """The zone's calendar day at an (aware) instant (GEN-01)."""
    return instant.astimezone(ZoneInfo(zone)).date()


def _parts(period: str) -> tuple[int, int, int]:
    """Zero for what is not named."""
    match = PERIOD.fullmatch(period)
    if match is None:
        message = f"no period: {period!r}"
        raise ValueError(message)
    year, month, day = match.groups(default="0")
    return int(year), int(month), int(day)
