"""When a signup ends, and when its person is reminded of it (TEN-02, USR-03)."""

from collections.abc import Sequence
from datetime import datetime, timedelta


def signup_reminders(expires_at: datetime, before: Sequence[timedelta]) -> tuple[datetime, ...]:
    """The soonest first."""
    return tuple(sorted(expires_at - some for some in before))
