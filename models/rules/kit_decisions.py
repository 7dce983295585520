"""What a return kit is open to, and what a sending's reports mean for it (KIT-01…04, UND-03)."""

from models.vocabulary import ReturnKitState as Kit
from models.vocabulary import ShipmentState as Parcel

UNDER_WAY = frozenset({Kit.PLANNED, Kit.REQUESTED, Kit.SENT, Kit.UNDELIVERABLE, Kit.UNRETURNED})
"""The device is still at the customer's, or on its way back."""
NOT_SENT = frozenset({Kit.PLANNED, Kit.REQUESTED})
RESENDABLE = frozenset({Kit.PLANNED, Kit.REQUESTED, Kit.SENT, Kit.UNDELIVERABLE})
"""A planned one has only its address corrected."""
RECEIVABLE = frozenset({Kit.REQUESTED, Kit.SENT, Kit.UNDELIVERABLE, Kit.UNRETURNED})
BACK = frozenset({Kit.RECEIVED, Kit.CLOSED})
OVER = frozenset({Kit.CLOSED, Kit.STOPPED, Kit.RECALLED, Kit.ENDED})


def kit_after(kit: Kit, parcel: Parcel) -> Kit:
    """The kit once its latest sending stands there. An empty kit that comes back is no device that comes back."""
    if kit not in UNDER_WAY or kit is Kit.PLANNED:
        return kit
    if parcel is Parcel.RETURNED and kit is not Kit.UNDELIVERABLE:
        return Kit.RECEIVED
    if parcel is Parcel.UNDELIVERABLE and kit is not Kit.UNRETURNED:
        return Kit.UNDELIVERABLE
    if parcel in (Parcel.SHIPPED, Parcel.DELIVERED) and kit is not Kit.UNRETURNED:
        return Kit.SENT
    return kit


def kit_undone(kit: Kit) -> Kit:
    """UND-03: not yet sent, it stays here; sent, the customer is told to keep the device; back, it stays as it is."""
    if kit in NOT_SENT:
        return Kit.STOPPED
    return Kit.RECALLED if kit in UNDER_WAY else kit
