"""What a kit's sendings make of it: the same whatever the order of the carrier's events (KIT-01…04)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.kit_decisions import device_back_after_undo, device_back_at, kit_after, sent_on_after
from models.rules.shipments import Parcel, Report, after
from models.vocabulary import ParcelKind, ReturnKitState, ShipmentState

START = datetime(2027, 3, 1, tzinfo=UTC)
SAYABLE = [state for state in ShipmentState if state not in (ShipmentState.STOPPED, ShipmentState.ENDED)]
SENDINGS = 3
reports = st.builds(
    Report,
    state=st.sampled_from(SAYABLE),
    occurred_at=st.integers(0, 5).map(lambda days: START + timedelta(days=days)),
)
# Of which sending, and what.
said_of_sendings = st.lists(st.tuples(st.integers(0, SENDINGS - 1), reports), max_size=7)


def kit_and_day(said: Sequence[tuple[int, Report]]) -> tuple[ReturnKitState, date | None, datetime | None]:
    """The kit, the day of its latest sending and that of the device's return, once each event has been heard."""
    sendings = [Parcel(ParcelKind.RETURN_KIT)] * SENDINGS
    kit, sent_on = ReturnKitState.REQUESTED, None
    for number, report in said:
        sendings[number] = after(sendings[number], report)
        kit = kit_after(kit, sendings)
        if number == SENDINGS - 1:
            sent_on = sent_on_after(sent_on, report.state, report.occurred_at.date())
    return kit, sent_on, device_back_at(sendings)


def sending(*states: str) -> Parcel:
    parcel = Parcel(ParcelKind.RETURN_KIT)
    for state in states:
        parcel = after(parcel, Report(ShipmentState(state), START))
    return parcel


@pytest.mark.requirement("KIT-01", "KIT-03", "KIT-04")
@given(said=said_of_sendings, data=st.data())
def test_order_and_repetition_of_events_do_not_matter(said: list[tuple[int, Report]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(said + said[:2]))
    assert kit_and_day(said) == kit_and_day(shuffled)


@pytest.mark.requirement("KIT-01", "KIT-03")
@pytest.mark.parametrize(
    ("kit", "states", "becomes"),
    [
        ("requested", ["scheduled"], "requested"),
        ("requested", ["shipped"], "sent"),
        ("requested", ["delivered"], "sent"),
        ("sent", ["shipped", "undeliverable"], "undeliverable"),
        ("undeliverable", ["undeliverable", "returned"], "undeliverable"),
        ("undeliverable", ["undeliverable", "delivered"], "sent"),
        ("undeliverable", ["undeliverable", "returned", "delivered"], "received"),
        ("sent", ["shipped", "returned"], "received"),
        ("unreturned", ["delivered", "returned"], "received"),
        ("unreturned", ["undeliverable"], "unreturned"),
        ("closed", ["returned"], "closed"),
        ("closed", ["returned", "undeliverable"], "undeliverable"),
        ("recalled", ["returned"], "recalled"),
        ("planned", ["shipped"], "planned"),
    ],
)
def test_what_a_sending_means_for_its_kit(kit: str, states: list[str], becomes: str) -> None:
    """An empty kit that comes back is no device that comes back."""
    assert kit_after(ReturnKitState(kit), [sending(*states)]) == becomes


@pytest.mark.requirement("KIT-03", "KIT-04")
@pytest.mark.parametrize(
    ("earlier", "becomes"),
    [
        (["shipped", "returned"], "received"),
        (["delivered", "returned"], "received"),
        (["undeliverable", "returned"], "requested"),
        (["delivered"], "requested"),
        (["undeliverable"], "requested"),
    ],
)
def test_of_an_earlier_sending_only_the_device_in_its_box_matters(earlier: list[str], becomes: str) -> None:
    assert kit_after(ReturnKitState.REQUESTED, [sending(*earlier), sending()]) == becomes


@pytest.mark.requirement("KIT-04", "UND-03")
def test_what_is_settled_stays() -> None:
    """Staff have the device before them, or the customer keeps it."""
    empty = [sending("returned", "undeliverable")]
    assert kit_after(ReturnKitState.CLOSED, empty, is_settled=True) is ReturnKitState.CLOSED


@pytest.mark.requirement("UND-03")
@pytest.mark.parametrize(
    ("kit", "states", "back"),
    [
        ("recalled", ("shipped", "returned"), True),
        ("recalled", ("undeliverable", "returned"), False),
        ("stopped", ("shipped", "returned"), False),
        ("stopped", ("shipped", "delivered"), False),
        ("stopped", ("shipped", "delivered", "returned"), True),
    ],
)
def test_after_an_undo_a_device_is_back_in_a_box_that_had_reached_the_customer(
    kit: str, states: tuple[str, ...], *, back: bool
) -> None:
    """A stopped one that turns round on its way is empty."""
    assert (device_back_after_undo(ReturnKitState(kit), [sending(*states)]) is not None) == back
