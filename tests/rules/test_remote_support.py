"""How often remote support of one UTM can be asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from models.rules.remote_support import asked_too_often_until

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.requirement("RSA-01")
@pytest.mark.parametrize(
    ("minutes", "until"),
    [((), None), ((0, 5), None), ((0, 5, 50), 60), ((50, 0, 5), 60), ((0, 10, 20, 30), 70)],
)
def test_the_fourth_request_waits_until_the_first_of_the_last_three_is_an_hour_old(
    minutes: tuple[int, ...], until: int | None
) -> None:
    """In whatever order they come."""
    requested = [NOON + timedelta(minutes=minute) for minute in minutes]
    expected = None if until is None else NOON + timedelta(minutes=until)
    assert asked_too_often_until(requested, requests=3, within=HOUR) == expected
