"""When somebody who does not decide is reminded again (APP-15, ADD-06)."""

from collections.abc import Sequence
from datetime import datetime, timedelta


def reminders_after(planned: Sequence[datetime], every: timedelta, now: datetime) -> list[datetime]:
    """Those to come once the first of the planned ones has gone out: the rest, then one every so often from the last.

    What was missed while nothing ran is not made up for: the one that went out told all of it.
    """
    told_until = max(now, planned[0])
    later = [at for at in planned if at > told_until]
    return later or [planned[-1] + every * ((told_until - planned[-1]) // every + 1)]
