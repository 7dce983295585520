"""When something that recurs is due. Zones are named, so that a day is the place's own day."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def next_daily(after: datetime, at: time, zone: str) -> datetime:
    """The first instant after `after` at which clocks in the zone show `at`, in UTC.

    A time that the zone's clocks skip that day comes as much later as they skip.
    """
    place = ZoneInfo(zone)
    today = after.astimezone(place).date()
    days = (today + timedelta(days=count) for count in range(3))
    instants = (datetime.combine(day, at, place).astimezone(UTC) for day in days)
    return next(instant for instant in instants if instant > after)
