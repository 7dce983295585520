"""Counting business days in a time zone (APP-15)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def after_business_days(start: datetime, zone: str, count: int, is_business_day: Callable[[date], bool]) -> datetime:
    """The same local time of day on the `count`-th business day after the start's day. In UTC."""
    local = start.astimezone(ZoneInfo(zone))
    day = local.date()
    while count > 0:
        day += timedelta(days=1)
        count -= is_business_day(day)
    return datetime.combine(day, local.time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
