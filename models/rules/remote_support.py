"""When remote support of a UTM may be asked for again: its administrators are not to be worn down by requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta


def asked_too_often_until(requested: Sequence[datetime], *, requests: int, within: timedelta) -> datetime | None:
    """When so many `requests` `within` that time allow the next one; `requested`: when each of them was made."""
    latest = sorted(requested)[-requests:]
    return latest[0] + within if len(latest) == requests else None
