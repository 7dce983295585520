"""What becomes of a tenant's notification addresses when staff send a new list of them (SET-06)."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

SLOTS = 3


@dataclass(frozen=True)
class Slot:
    """`verified` is in use. `pending` waits for its button, and until then replaces nothing.

    `address_id`: of the pending address, the subject of the procedure that waits for it; None while there is none yet.
    """

    verified: str | None = None
    pending: str | None = None
    address_id: str | None = None


@dataclass(frozen=True)
class Plan:
    """`slots` as they are to be; `withdrawn`: the pending addresses that nobody wants any more, by their ids."""

    slots: tuple[Slot, ...]
    withdrawn: tuple[str, ...]


def plan(current: Sequence[Slot], wanted: Sequence[str]) -> Plan:
    """Compare by address, so that what stays stays, wherever it now stands in the list.

    A new address stands in for one that is no longer wanted, its own place's first: that one is in use until the new
    one's button is pressed. An unwanted address that nothing stands in for is gone at once.
    """
    verified = {slot.verified for slot in current}
    pending = {slot.pending: slot for slot in current if slot.pending}
    kept = [_kept(address, verified, pending, wanted) for address in wanted]
    waiting = {slot.verified for slot in kept if slot}
    unwanted = {
        place: slot.verified
        for place, slot in enumerate(current)
        if slot.verified and slot.verified not in wanted and slot.verified not in waiting
    }
    slots = []
    for place, (address, slot) in enumerate(zip(wanted, kept, strict=True)):
        slots.append(slot or Slot(_taken(unwanted, place, kept), address))
    awaited = {slot.address_id for slot in slots}
    withdrawn = [slot.address_id for slot in current if slot.address_id and slot.address_id not in awaited]
    return Plan(tuple(slots), tuple(withdrawn))


def fingerprint(slots: Sequence[Slot]) -> str:
    """Of what is shown of them: differs when they differ."""
    shown = [(slot.verified, slot.pending) for slot in slots]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def _kept(address: str, verified: set[str | None], pending: dict[str, Slot], wanted: Sequence[str]) -> Slot | None:
    """The address's slot when it is there already, verified or pending."""
    if address in verified:
        return Slot(verified=address)
    if (slot := pending.get(address)) is None:
        return None
    return Slot(None if slot.verified in wanted else slot.verified, address, slot.address_id)


def _taken(unwanted: dict[int, str], place: int, kept: Sequence[Slot | None]) -> str | None:
    """The address that the new one at this place stands in for."""
    if place in unwanted:
        return unwanted.pop(place)
    free = [other for other in unwanted if other >= len(kept) or kept[other] is not None]
    return unwanted.pop(free[0]) if free else None
