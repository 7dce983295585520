"""When a tenant is reminded, by its country's business days (APP-15)."""

from datetime import datetime

from models.calendars import is_business_day
from models.rules.business_days import after_business_days


def reminder_instants(start: datetime, zone: str, country: str, counts: tuple[int, ...]) -> list[datetime]:
    """At the start's local time of day, on the n-th business day after it, for each n. In UTC."""
    return [after_business_days(start, zone, n, is_business_day(country)) for n in counts]
