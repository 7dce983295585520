"""What becomes of notification addresses when a new list comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.notification_addresses import SLOTS, Plan, Slot, fingerprint, plan

A, B, C, D, E = (f"{letter}@partner.example" for letter in "abcde")
IN_USE = [Slot(A), Slot(B), Slot(C)]


@pytest.mark.requirement("SET-06")
@pytest.mark.parametrize(
    ("current", "wanted", "slots", "withdrawn"),
    [
        pytest.param([], [A, B], [Slot(None, A), Slot(None, B)], [], id="added to none"),
        pytest.param([Slot(A)], [A], [Slot(A)], [], id="unchanged"),
        pytest.param([Slot(A)], [B], [Slot(A, B)], [], id="changed, the old one stays in use"),
        pytest.param([Slot(A)], [A, B], [Slot(A), Slot(None, B)], [], id="one more"),
        pytest.param([Slot(A)], [], [], [], id="removed"),
        pytest.param(IN_USE, [B, C], [Slot(B), Slot(C)], [], id="the first removed"),
        pytest.param(IN_USE, [C, B, A], [Slot(C), Slot(B), Slot(A)], [], id="another order"),
        pytest.param(IN_USE, [D, E], [Slot(A, D), Slot(B, E)], [], id="two changed, one removed"),
        pytest.param(IN_USE, [A, D, C], [Slot(A), Slot(B, D), Slot(C)], [], id="the middle one changed"),
        pytest.param([Slot(A), Slot(B)], [D, A], [Slot(B, D), Slot(A)], [], id="moved and changed"),
        pytest.param([Slot(A, B, "1")], [B], [Slot(A, B, "1")], [], id="asked for again"),
        pytest.param([Slot(A, B, "1")], [C], [Slot(A, C)], ["1"], id="changed again before it was confirmed"),
        pytest.param([Slot(A, B, "1")], [A], [Slot(A)], ["1"], id="changed back"),
        pytest.param([Slot(A, B, "1")], [], [], ["1"], id="removed before it was confirmed"),
        pytest.param([Slot(A, B, "1")], [A, B], [Slot(A), Slot(None, B, "1")], [], id="both after all"),
        pytest.param([Slot(A, B, "1")], [B, C], [Slot(A, B, "1"), Slot(None, C)], [], id="and one more"),
        pytest.param([Slot(A), Slot(None, B, "1")], [B], [Slot(None, B, "1")], [], id="one removed, one waits on"),
        pytest.param([Slot(None, A, "1")], [B], [Slot(None, B)], ["1"], id="corrected before it was confirmed"),
    ],
)
def test_a_new_list(current: list[Slot], wanted: list[str], slots: list[Slot], withdrawn: list[str]) -> None:
    assert plan(current, wanted) == Plan(tuple(slots), tuple(withdrawn))


ADDRESSES = st.sampled_from([A, B, C, D, E])
LISTS = st.lists(ADDRESSES, max_size=SLOTS, unique=True)


def begun(slots: tuple[Slot, ...], number: int) -> list[Slot]:
    """The new addresses get their procedures."""
    return [
        Slot(slot.verified, slot.pending, slot.address_id or (f"{number}-{place}" if slot.pending else None))
        for place, slot in enumerate(slots)
    ]


@pytest.mark.requirement("SET-06", "GEN-03")
@given(st.lists(LISTS, max_size=6), LISTS)
def test_whatever_came_before_the_list_is_what_was_asked_for_and_asking_again_changes_nothing(
    history: list[list[str]], wanted: list[str]
) -> None:
    """In any order of lists: each address once, nothing verified that was not, and no second mail."""
    slots: list[Slot] = []
    for number, past in enumerate(history):
        slots = begun(plan(slots, past).slots, number)
        if number % 2 and slots and slots[0].pending:  # somebody presses a button now and then
            slots[0] = Slot(slots[0].pending)
    before = slots
    made = plan(before, wanted)
    assert [slot.pending or slot.verified for slot in made.slots] == wanted
    after = begun(made.slots, len(history))
    known = {slot.verified for slot in before} | {None}
    in_use = [slot.verified for slot in after if slot.verified]
    assert {slot.verified for slot in after} <= known
    assert len(in_use) == len(set(in_use))
    assert plan(after, wanted) == Plan(tuple(after), ())
    running = {slot.address_id for slot in before if slot.address_id}
    assert running == {slot.address_id for slot in after if slot.address_id} & running | set(made.withdrawn)
    assert (fingerprint(before) == fingerprint(after)) == (
        [(slot.verified, slot.pending) for slot in before] == [(slot.verified, slot.pending) for slot in after]
    )
