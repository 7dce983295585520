"""What the carrier's events make of a parcel, whatever their order (SHP-01): the state only moves on.

The same events in any order, each once or often, end in the same parcel: the state is the furthest that was reported,
a date, a waybill number or a carrier's name is the one reported last by the carrier's own time.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from models.rules.business_days import IsBusinessDay, business_day_after
from models.vocabulary import ParcelKind, ShipmentState

Said = TypeVar("Said", date, str)
_ORDER = {
    ParcelKind.DELIVERY: ("requested", "scheduled", "shipped", "undeliverable", "returned", "delivered"),
    # A kit's journey ends here again, with the device in it.
    ParcelKind.RETURN_KIT: ("requested", "scheduled", "shipped", "undeliverable", "delivered", "returned"),
}
ON_THE_WAY_OUT = frozenset({ShipmentState.REQUESTED, ShipmentState.SCHEDULED})
"""Not handed to the carrier yet: it can be stopped, and its destination changed."""
STAYS_HERE = frozenset({ShipmentState.STOPPED, ShipmentState.ENDED})
OVER = STAYS_HERE | {ShipmentState.DELIVERED}


@dataclass(frozen=True)
class Report:
    """One event of the carrier's. `occurred_at`: by the carrier's own account."""

    state: ShipmentState
    occurred_at: datetime
    planned_arrival_date: date | None = None
    carrier: str | None = None
    waybill_number: str | None = None


@dataclass(frozen=True)
class Parcel:
    """`…_reported_at`: when the carrier said the present date, number and name.

    `undeliverable_at`, `delivered_at`: when it first said so, which matters also once the parcel has come back.
    """

    kind: ParcelKind
    state: ShipmentState = ShipmentState.REQUESTED
    reported_at: datetime | None = None
    planned_arrival_date: date | None = None
    planned_reported_at: datetime | None = None
    carrier: str | None = None
    carrier_reported_at: datetime | None = None
    waybill_number: str | None = None
    waybill_reported_at: datetime | None = None
    undeliverable_at: datetime | None = None
    delivered_at: datetime | None = None


def after(parcel: Parcel, report: Report) -> Parcel:
    """The parcel once the report is known. A stopped one listens to nothing any more."""
    if parcel.state in STAYS_HERE:
        return parcel
    for step in (_state, _milestones, _details):
        parcel = step(parcel, report)
    return parcel


def overdue_day(planned: date, business_days: int, is_business_day: IsBusinessDay) -> date:
    """The day on which a parcel that has not arrived is reported to the operator (SHP-04)."""
    return business_day_after(planned, business_days, is_business_day)


def _state(parcel: Parcel, report: Report) -> Parcel:
    order = _ORDER[parcel.kind]
    further = order.index(report.state) - order.index(parcel.state)
    is_earliest_of_equals = not further and (parcel.reported_at is None or report.occurred_at < parcel.reported_at)
    if further > 0 or is_earliest_of_equals:
        return replace(parcel, state=report.state, reported_at=report.occurred_at)
    return parcel


def _milestones(parcel: Parcel, report: Report) -> Parcel:
    at = report.occurred_at
    if report.state is ShipmentState.UNDELIVERABLE:
        return replace(parcel, undeliverable_at=min(parcel.undeliverable_at or at, at))
    if report.state is ShipmentState.DELIVERED:
        return replace(parcel, delivered_at=min(parcel.delivered_at or at, at))
    return parcel


def _details(parcel: Parcel, report: Report) -> Parcel:
    at = report.occurred_at
    planned = _last_said(parcel.planned_reported_at, parcel.planned_arrival_date, at, report.planned_arrival_date)
    carrier = _last_said(parcel.carrier_reported_at, parcel.carrier, at, report.carrier)
    waybill = _last_said(parcel.waybill_reported_at, parcel.waybill_number, at, report.waybill_number)
    return replace(
        parcel,
        planned_reported_at=planned[0],
        planned_arrival_date=planned[1],
        carrier_reported_at=carrier[0],
        carrier=carrier[1],
        waybill_reported_at=waybill[0],
        waybill_number=waybill[1],
    )


def _last_said(
    known_at: datetime | None, known: Said | None, at: datetime, said: Said | None
) -> tuple[datetime | None, Said | None]:
    """What counts, and when it was said; of two said at one instant the greater one, whichever came first."""
    if said is None:
        return known_at, known
    if known_at is None or known is None:
        return at, said
    return max((known_at, known), (at, said))
