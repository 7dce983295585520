"""When a UTM can be restarted, and what a late one comes to (RST-01, RST-07, RST-08)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SLOT = timedelta(minutes=15)
IN_THE_PAST = "in_the_past"


def is_slot(at: datetime, zone: str) -> bool:
    """Whether it is a full quarter of an hour on the tenant's clocks."""
    local = at.astimezone(ZoneInfo(zone))
    return local.minute % 15 == 0 and local.second == 0 and local.microsecond == 0


def wrong_slot(at: datetime, now: datetime, *, zone: str, horizon: timedelta) -> str | None:
    """The code of what is wrong with it as the time of a restart, or None."""
    if at <= now:
        return IN_THE_PAST
    if at > now + horizon:
        return "too_far_ahead"
    return None if is_slot(at, zone) else "not_a_slot"


def fewest_per_slot(first: datetime, now: datetime, count: int, *, horizon: timedelta) -> int:
    """So many of that many UTMs in each slot, at least, have the last slot within the horizon. `first` is."""
    slots = 1 + (now + horizon - first) // SLOT
    return -(-count // slots)


def spread(first: datetime, per_slot: int, count: int) -> list[datetime]:
    """A slot for each of so many UTMs, at most `per_slot` in one."""
    return [first + SLOT * (number // per_slot) for number in range(count)]
