"""What becomes of a parcel at the local carrier's: pure, and settled by a seed, so that runs repeat.

The carrier is a good one with bad days. Parcels are delayed; now and then nobody is at home, and an address without a
house number is found by nobody; it tells of some events late, so that they overtake each other, and of some twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.identifiers import Draw
from models.vocabulary import ParcelKind, ShipmentState

NAME = "さくら運輸"
_ZONE = ZoneInfo("Asia/Tokyo")
_DAY = timedelta(days=1)
_DELAYED_ONE_IN = 3
_NOBODY_AT_HOME_ONE_IN = 4
_TOLD_LATE_ONE_IN = 3
_TOLD_TWICE_ONE_IN = 3
_KEPT_ONE_IN = 10


@dataclass(frozen=True)
class Order:
    """`number`: which one it is of those that this carrier has taken, and with the seed what settles its fate."""

    shipment_id: str
    kind: ParcelKind
    seed: int
    number: int


@dataclass(frozen=True)
class Event:
    """As the product is told it, but for its id. `occurred_at`: when it came about."""

    state: ShipmentState
    occurred_at: datetime
    planned_arrival_date: date | None = None
    waybill_number: str | None = None


@dataclass(frozen=True)
class Telling:
    """`number`: from 1, in the order of telling. `event_id`: the same for an event that is told again."""

    number: int
    at: datetime
    event_id: str
    event: Event


@dataclass(frozen=True)
class _Luck:
    minutes_to_plan: int
    is_delayed: bool
    nobody_at_home: bool
    minutes_after_ten: int
    days_to_return: int
    is_kept: bool

    @classmethod
    def drawn(cls, draw: Draw) -> "_Luck":
        """Whatever becomes of the parcel, all of it: no draw depends on another."""
        return cls(
            minutes_to_plan=20 + draw.below(40),
            is_delayed=not draw.below(_DELAYED_ONE_IN),
            nobody_at_home=not draw.below(_NOBODY_AT_HOME_ONE_IN),
            minutes_after_ten=draw.below(8 * 60),
            days_to_return=4 + draw.below(9),
            is_kept=not draw.below(_KEPT_ONE_IN),
        )


def tellings(order: Order, ordered_at: datetime, *, is_findable: bool) -> list[Telling]:
    """Everything that the carrier will say of the parcel, in the order in which it says it."""
    draw = Draw(f"{order.seed}/{order.number}".encode())
    luck = _Luck.drawn(draw)
    events = _delivery if order.kind is ParcelKind.DELIVERY else _return_kit
    said = [
        (at, f"{number}-{event.state}", event)
        for number, event in enumerate(events(order, ordered_at, luck, is_findable=is_findable), start=1)
        for at in _told_at(event, draw)
    ]
    in_order = sorted(said, key=lambda one: (one[0], one[1]))
    return [Telling(number, at, event_id, event) for number, (at, event_id, event) in enumerate(in_order, start=1)]


def shipped_at(order: Order, ordered_at: datetime, *, is_findable: bool) -> datetime:
    """From then on there is no leaving it here."""
    said = tellings(order, ordered_at, is_findable=is_findable)
    return next(one.event.occurred_at for one in said if one.event.state is ShipmentState.SHIPPED)


def waybill_number(shipment_id: str) -> str:
    """Twelve digits, each parcel its own."""
    digits = Draw(shipment_id.encode()).text("0123456789", 12)
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def _delivery(order: Order, ordered_at: datetime, luck: _Luck, *, is_findable: bool) -> Iterator[Event]:
    """A device: it leaves the evening before it is to arrive."""
    planned_at = ordered_at + timedelta(minutes=luck.minutes_to_plan)
    arrival = _day(ordered_at) + 3 * _DAY
    yield Event(ShipmentState.SCHEDULED, planned_at, planned_arrival_date=arrival)
    if luck.is_delayed:
        noticed_at = _at(arrival - _DAY, time(10))
        arrival += _DAY
        yield Event(ShipmentState.SCHEDULED, noticed_at, planned_arrival_date=arrival)
    number = waybill_number(order.shipment_id)
    yield Event(ShipmentState.SHIPPED, _at(arrival - _DAY, time(17)), waybill_number=number)
    yield from _arrival(arrival, luck, is_findable=is_findable)
    if not is_findable:
        yield Event(ShipmentState.RETURNED, _at(arrival + 3 * _DAY, time(11)))


def _return_kit(order: Order, ordered_at: datetime, luck: _Luck, *, is_findable: bool) -> Iterator[Event]:
    """A box: it leaves on the day it is ordered, arrives on the next, and comes back with the device in it."""
    arrival = _day(ordered_at) + _DAY
    planned_at = ordered_at + timedelta(minutes=luck.minutes_to_plan)
    yield Event(ShipmentState.SCHEDULED, planned_at, planned_arrival_date=arrival)
    number = waybill_number(order.shipment_id)
    yield Event(ShipmentState.SHIPPED, planned_at + timedelta(hours=3), waybill_number=number)
    yield from _arrival(arrival, luck, is_findable=is_findable)
    if not is_findable:
        yield Event(ShipmentState.RETURNED, _at(arrival + 3 * _DAY, time(11)))
    elif not luck.is_kept:
        yield Event(ShipmentState.RETURNED, _at(arrival + luck.days_to_return * _DAY, time(14)))


def _arrival(day: date, luck: _Luck, *, is_findable: bool) -> Iterator[Event]:
    """Between ten and six; where nobody is at home, once more on the day after."""
    at = _at(day, time(10)) + timedelta(minutes=luck.minutes_after_ten)
    if luck.nobody_at_home or not is_findable:
        yield Event(ShipmentState.UNDELIVERABLE, at)
    if is_findable:
        yield Event(ShipmentState.DELIVERED, at + _DAY if luck.nobody_at_home else at)


def _told_at(event: Event, draw: Draw) -> list[datetime]:
    """Soon as a rule, hours late now and then, and some of it twice."""
    lag, again = timedelta(minutes=1 + draw.below(9)), timedelta(minutes=5 + draw.below(120))
    if not draw.below(_TOLD_LATE_ONE_IN):
        lag = timedelta(hours=12 + draw.below(36))
    first = event.occurred_at + lag
    return [first] if draw.below(_TOLD_TWICE_ONE_IN) else [first, first + again]


def _day(instant: datetime) -> date:
    return instant.astimezone(_ZONE).date()


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, _ZONE)
