"""Every dated consequence of undoing a cancellation, and of changing a contract (UND-02, UND-03, CON-08)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from models.rules.consequences import Consequence, Device, Situation, days, in_order, made_up, mail, notice
from models.rules.contract_agenda import Calendar, Event, agenda
from models.rules.contract_terms import Terms, expires_on, next_renewal, renewals_between
from models.rules.customer_deletion import customer_status
from models.rules.kit_decisions import BACK, kit_undone
from models.rules.periods import day_of, start_of_day
from models.vocabulary import ConsequenceKind as Kind
from models.vocabulary import CustomerStatus, Mail, ReturnKitState

_DAY = timedelta(days=1)
_UNDOING = {ReturnKitState.STOPPED: Kind.KIT_STOPPED, ReturnKitState.RECALLED: Kind.KIT_RECALLED}


def of_undoing(situation: Situation, *, now: datetime, fee: int | None = None) -> list[Consequence]:
    """What fell due meanwhile happens at once; then comes what the terms say. `fee`: yen to be reversed (UND-02)."""
    terms, zone = situation.calendar.terms, situation.calendar.zone
    expired = has_expired(terms, day_of(now, zone))
    undone = Consequence(now, Kind.UNDONE, {"expired": True} if expired else {})
    found = [undone, mail(situation, Mail.CANCELLATION_UNDONE, now)]
    if fee:
        found.append(Consequence(now, Kind.FEE_REVERSED, {"amount": fee}))
    found += [Consequence(now, Kind.RENEWS, days(renewed)) for renewed in _renewed_meanwhile(situation, now)]
    if expired:
        return in_order([*found, _expiry(terms, now)])
    found += [*made_up(situation, None, now), *_devices(situation, now), *_customer(situation, now)]
    return in_order([*found, *_ahead(situation, replace(situation.calendar, cancelled_for=None), now)])


def kit_undoing(state: ReturnKitState) -> Kind | None:
    """What an undo means for a kit (`Device.undoing`); None where nothing is left to be done about it."""
    if state in BACK:
        return Kind.SHIPMENT_BEGINS
    becomes = kit_undone(state)
    return _UNDOING.get(becomes) if becomes is not state else None


def has_expired(terms: Terms, today: date) -> bool:
    """Whether a contract ended by itself while it was cancelled: undone, it is expired."""
    expiry = expires_on(terms)
    return expiry is not None and expiry <= today


def of_changing(before: int, after: int, *, now: datetime, redirected: bool = False) -> list[Consequence]:
    """Other rate plans, another destination. `before`, `after`: what comes back every month, in yen."""
    told = {"monthly_amount": after, "previous_monthly_amount": before, "destination_changed": redirected}
    return [Consequence(now, Kind.CHANGED, told)]


def _renewed_meanwhile(situation: Situation, now: datetime) -> Iterator[Any]:
    calendar = situation.calendar
    if calendar.cancelled_for is not None:
        yield from renewals_between(calendar.terms, calendar.cancelled_for, day_of(now, calendar.zone))


def _expiry(terms: Terms, at: datetime) -> Consequence:
    expiry = expires_on(terms)
    return Consequence(at, Kind.EXPIRES, {"last_day": (expiry - _DAY).isoformat() if expiry else None})


def _devices(situation: Situation, now: datetime) -> Iterator[Consequence]:
    """Each kit by where it stands, and the shipment that had been stopped (UND-03)."""
    for device in situation.devices:
        if device.undoing is not None:
            yield Consequence(now, device.undoing, _undone(situation, device))
    if situation.was_stopped:
        yield Consequence(now, Kind.SHIPMENT_BEGINS)


def _undone(situation: Situation, device: Device) -> dict[str, Any]:
    told: dict[str, Any] = {"utm_id": device.utm_id}
    if device.undoing is Kind.KIT_RECALLED:
        told |= {"template": Mail.RETURN_KIT_RECALLED.value, "recipients": [situation.contact]}
    if device.undoing is Kind.SHIPMENT_BEGINS:
        told |= {"postal_code": device.postal_code, "address": device.address}
    return told


def _customer(situation: Situation, now: datetime) -> Iterator[Consequence]:
    """A customer that had lost its last contract is active again, and its people keep the portal."""
    calendar = situation.calendar
    last_days = [calendar.cancelled_for, *situation.other_last_days]
    if customer_status(last_days, day_of(now, calendar.zone)) is CustomerStatus.CANCELLED:
        yield Consequence(now, Kind.CUSTOMER_ACTIVE)
        yield Consequence(now, Kind.PORTAL_STAYS, {"portal_users": situation.portal_users})


def _ahead(situation: Situation, calendar: Calendar, now: datetime) -> Iterator[Consequence]:
    """The start if it is still to come, and the next renewal with its notices, or the expiry."""
    terms = calendar.terms
    starts = start_of_day(terms.start, calendar.zone)
    if starts > now:
        yield Consequence(starts, Kind.STARTS)
    renewed = next_renewal(terms, max(day_of(now, calendar.zone), terms.start))
    if renewed is None:
        expiry = expires_on(terms)
        if expiry is not None:
            yield _expiry(terms, start_of_day(expiry, calendar.zone))
        return
    renews = start_of_day(renewed.first_day, calendar.zone)
    for due in agenda(calendar, now, renews):
        if due.event is Event.NOTICE and due.renewed == renewed:
            yield notice(situation, due.at, renewed)
    yield Consequence(renews, Kind.RENEWS, days(renewed))
