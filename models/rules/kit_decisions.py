"""What a return kit is open to, and what the reports of its sendings mean for it (KIT-01…04, UND-03)."""

from collections.abc import Sequence
from datetime import date, datetime

from models.rules.shipments import STAYS_HERE, Parcel
from models.vocabulary import ReturnKitState as Kit
from models.vocabulary import ShipmentState

UNDER_WAY = frozenset({Kit.PLANNED, Kit.REQUESTED, Kit.SENT, Kit.UNDELIVERABLE, Kit.UNRETURNED})
"""The device is still at the customer's, or on its way back."""
NOT_SENT = frozenset({Kit.PLANNED, Kit.REQUESTED})
RESENDABLE = frozenset({Kit.PLANNED, Kit.REQUESTED, Kit.SENT, Kit.UNDELIVERABLE})
"""A planned one has only its address corrected."""
RECEIVABLE = frozenset({Kit.REQUESTED, Kit.SENT, Kit.UNDELIVERABLE, Kit.UNRETURNED, Kit.RECALLED})
"""Also one whose customer was told to keep the device: it may have been on its way."""
BACK = frozenset({Kit.RECEIVED, Kit.CLOSED})
OVER = frozenset({Kit.CLOSED, Kit.STOPPED, Kit.RECALLED, Kit.ENDED})
UNDONE = frozenset({Kit.STOPPED, Kit.RECALLED})
"""By an undo of the cancellation. The device may come back all the same."""
_ON_ITS_WAY = frozenset({ShipmentState.SHIPPED, ShipmentState.DELIVERED})


def kit_after(kit: Kit, sendings: Sequence[Parcel], *, is_settled: bool = False) -> Kit:
    """The kit once its sendings, the latest last, stand there: the same whatever the order of the carrier's events.

    The device may come in the box of any of them; for the rest only the latest counts that was not stopped. What the
    carrier says late may show that a box had come back empty. `is_settled`: that a device is back holds, whatever it
    says.
    """
    if kit is Kit.PLANNED or kit not in UNDER_WAY | BACK or (kit in BACK and is_settled):
        return kit
    if device_back_at(sendings) is not None:
        return kit if kit in BACK else Kit.RECEIVED
    left = [parcel for parcel in sendings if parcel.state not in STAYS_HERE]
    return kit if kit is Kit.UNRETURNED else _said_of((left or sendings)[-1])


def device_back_at(sendings: Sequence[Parcel]) -> datetime | None:
    """When the device came back, by the carrier's account; None: it has said no such thing."""
    came = (parcel.reported_at for parcel in sendings if _said_of(parcel) is Kit.RECEIVED)
    return min((at for at in came if at is not None), default=None)


def device_back_after_undo(kit: Kit, sendings: Sequence[Parcel]) -> datetime | None:
    """Likewise, of an undone kit.

    A stopped one that the carrier had already taken may turn round before it arrives: then the box is empty.
    """
    arrived = [parcel for parcel in sendings if parcel.delivered_at is not None]
    return device_back_at(arrived if kit is Kit.STOPPED else sendings)


def sent_on_after(sent_on: date | None, said: ShipmentState, day: date) -> date | None:
    """The day of its sending: the first on which it was on its way, by the carrier's account (KIT-04).

    A try that failed gave the customer nothing to send back, so it does not count.
    """
    return min(sent_on or day, day) if said in _ON_ITS_WAY else sent_on


def kit_undone(kit: Kit) -> Kit:
    """UND-03: not yet sent, it stays here; sent, the customer is told to keep the device; back, it stays as it is."""
    if kit in NOT_SENT:
        return Kit.STOPPED
    return Kit.RECALLED if kit in UNDER_WAY else kit


def _said_of(parcel: Parcel) -> Kit:
    """What one sending by itself makes of the kit. An empty kit that comes back is no device that comes back."""
    if parcel.undeliverable_at is not None and parcel.delivered_at is None:
        return Kit.UNDELIVERABLE
    if parcel.state is ShipmentState.RETURNED:
        return Kit.RECEIVED
    return Kit.SENT if parcel.state in _ON_ITS_WAY else Kit.REQUESTED
