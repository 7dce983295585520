"""When a credential that nobody uses ends, and when that is announced (VWR-05)."""

from datetime import datetime, timedelta

from models.viewer_vocabulary import ViewerTimer


def due(
    last_used_at: datetime, warned_at: datetime | None, *, unused: timedelta, notice: timedelta
) -> tuple[datetime, ViewerTimer]:
    """What comes next and when: the announcement, or, when that was made since the last use, the end."""
    ends_at = last_used_at + unused
    if warned_at is not None and warned_at >= last_used_at:
        return ends_at, ViewerTimer.END
    return ends_at - notice, ViewerTimer.WARN
