"""What the carrier's events make of a parcel: the same whatever their order, and however often each comes."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.kit_decisions import kit_undone
from models.rules.shipments import Parcel, Report, after
from models.vocabulary import ParcelKind, ReturnKitState, ShipmentState

START = datetime(2027, 3, 1, tzinfo=UTC)
SAYABLE = [state for state in ShipmentState if state not in (ShipmentState.STOPPED, ShipmentState.ENDED)]
reports = st.builds(
    Report,
    state=st.sampled_from(SAYABLE),
    occurred_at=st.integers(0, 5).map(lambda hours: START + timedelta(hours=hours)),
    planned_arrival_date=st.none() | st.integers(1, 4).map(lambda day: date(2027, 3, day)),
    carrier=st.none() | st.sampled_from(["さくら運輸", "Sakura"]),
    waybill_number=st.none() | st.sampled_from(["1", "2", "3"]),
)
kinds = st.sampled_from(ParcelKind)


def parcel_after(kind: ParcelKind, said: list[Report]) -> Parcel:
    parcel = Parcel(kind)
    for report in said:
        parcel = after(parcel, report)
    return parcel


@pytest.mark.requirement("SHP-01")
@given(kind=kinds, said=st.lists(reports, max_size=6), data=st.data())
def test_order_and_repetition_of_events_do_not_matter(
    kind: ParcelKind, said: list[Report], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(said + said[:2]))
    assert parcel_after(kind, said) == parcel_after(kind, shuffled)


@pytest.mark.requirement("SHP-01")
@given(kind=kinds, said=st.lists(reports, min_size=1, max_size=6))
def test_a_state_never_goes_back(kind: ParcelKind, said: list[Report]) -> None:
    seen = [parcel_after(kind, said[:count]).state for count in range(len(said) + 1)]
    for earlier, later in itertools.pairwise(seen):
        assert later == earlier or later not in seen[: seen.index(earlier) + 1]


@pytest.mark.requirement("SHP-05")
@given(kind=kinds, said=st.lists(reports, max_size=4))
def test_a_stopped_parcel_hears_nothing_any_more(kind: ParcelKind, said: list[Report]) -> None:
    stopped = Parcel(kind, ShipmentState.STOPPED)
    for report in said:
        assert after(stopped, report) == stopped


@pytest.mark.requirement("UND-03")
@pytest.mark.parametrize(
    ("kit", "becomes"),
    [
        ("planned", "stopped"),
        ("requested", "stopped"),
        ("sent", "recalled"),
        ("undeliverable", "recalled"),
        ("unreturned", "recalled"),
        ("received", "received"),
        ("closed", "closed"),
    ],
)
def test_what_an_undo_makes_of_a_kit(kit: str, becomes: str) -> None:
    assert kit_undone(ReturnKitState(kit)) == becomes
