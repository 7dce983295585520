"""What is said of a UTM by when it was last heard of."""

from datetime import UTC, datetime, timedelta

import pytest

from models.rules.utm_devices import connection

HEARD = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SILENCE = timedelta(minutes=5)


@pytest.mark.requirement("UTM-06")
@pytest.mark.parametrize(
    ("last", "after", "shown"),
    [
        (None, timedelta(0), "never_connected"),
        (HEARD, timedelta(0), "online"),
        (HEARD, SILENCE - timedelta(microseconds=1), "online"),
        (HEARD, SILENCE, "offline"),
        (HEARD, timedelta(days=400), "offline"),
    ],
)
def test_five_minutes_of_silence_and_not_less_make_a_device_offline(
    last: datetime | None, after: timedelta, shown: str
) -> None:
    assert connection(last, HEARD + after, SILENCE) == shown
