"""When a UTM can be restarted (RST-01), and how many restarts share a slot (RST-08)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.restarts import SLOT, fewest_per_slot, is_slot, spread, wrong_slot

NOW = datetime(2026, 11, 21, 3, 7, tzinfo=UTC)
HORIZON = timedelta(days=90)


@pytest.mark.requirement("RST-01")
@pytest.mark.parametrize(
    ("at", "zone", "wrong"),
    [
        (datetime(2026, 11, 21, 3, 15, tzinfo=UTC), "Asia/Tokyo", None),
        (datetime(2026, 11, 21, 3, 16, tzinfo=UTC), "Asia/Tokyo", "not_a_slot"),
        (datetime(2026, 11, 21, 3, 15, 1, tzinfo=UTC), "Asia/Tokyo", "not_a_slot"),
        (datetime(2026, 11, 21, 3, 7, tzinfo=UTC), "Asia/Tokyo", "in_the_past"),
        (datetime(2026, 11, 21, 3, 0, tzinfo=UTC), "Asia/Tokyo", "in_the_past"),
        (datetime(2027, 2, 19, 3, 0, tzinfo=UTC), "Asia/Tokyo", None),
        (datetime(2027, 2, 19, 3, 15, tzinfo=UTC), "Asia/Tokyo", "too_far_ahead"),
        # Nepal is a quarter of an hour off: its slots are ours. The Chatham Islands too.
        (datetime(2026, 11, 21, 4, 15, tzinfo=UTC), "Asia/Kathmandu", None),
    ],
)
def test_a_slot_is_a_full_quarter_of_an_hour_ahead(at: datetime, zone: str, wrong: str | None) -> None:
    """On the tenant's clocks, after now, ninety days at most."""
    assert wrong_slot(at, NOW, zone=zone, horizon=HORIZON) == wrong


@given(first=st.integers(0, 10_000), per_slot=st.integers(1, 50), count=st.integers(0, 500))
def test_a_fleet_is_spread_without_gaps_and_without_crowding(first: int, per_slot: int, count: int) -> None:
    """Each slot is full before the next begins."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + SLOT * first
    slots = spread(at, per_slot, count)
    assert len(slots) == count
    assert all(slots.count(slot) == per_slot for slot in set(slots) - set(slots[-1:]))
    assert sorted(set(slots)) == [at + SLOT * n for n in range(-(-count // per_slot))]
    assert all(is_slot(slot, "UTC") for slot in slots)


@pytest.mark.requirement("RST-01", "RST-08")
@given(first=st.integers(1, 90 * 96), count=st.integers(1, 10_000))
def test_a_fleets_last_slot_is_within_ninety_days_too(first: int, count: int) -> None:
    """With so many in each slot, and no fewer."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    at = now + SLOT * first
    fewest = fewest_per_slot(at, now, count, horizon=HORIZON)
    assert spread(at, fewest, count)[-1] <= now + HORIZON
    assert fewest == 1 or spread(at, fewest - 1, count)[-1] > now + HORIZON
