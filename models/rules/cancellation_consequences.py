"""Every dated consequence of cancelling a contract, and of moving the date of its cancellation (CAN-03, CAN-06)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from models.rules.addresses import lacks_house_number
from models.rules.cancellation import portal_closes_at, service_ends_at, undo_deadline
from models.rules.consequences import Consequence, Device, Situation, days, in_order, made_up, mail, notice
from models.rules.contract_agenda import Calendar, Due, Event, agenda, notices_of
from models.rules.contract_terms import Term, next_renewal
from models.rules.customer_deletion import earliest_deletion
from models.rules.fees import Fee
from models.rules.periods import day_of, start_of_day
from models.rules.return_kits import kit_due_date, kit_requested_at
from models.vocabulary import ConsequenceKind as Kind
from models.vocabulary import Mail

_DAY = timedelta(days=1)


def of_cancelling(
    situation: Situation, day: date, *, now: datetime, fee: Fee | None = None, stop_shipment: bool = False
) -> list[Consequence]:
    """`day`: one that `cancellation_date_errors` lets pass. `fee`: None where none is charged (CAN-02)."""
    found = [Consequence(now, Kind.CANCELLED, {"cancellation_date": day.isoformat()})]
    found.append(mail(situation, Mail.CONTRACT_CANCELLED, now))
    if situation.ships and stop_shipment:
        found.append(Consequence(now, Kind.SHIPMENT_STOPPED, {"unless_shipped": False}))
        situation = replace(situation, ships=False)
    return in_order([*found, *_of_the_date(situation, day, now, fee)])


def of_moving(situation: Situation, day: date, *, now: datetime, fee: Fee | None = None) -> list[Consequence]:
    """`fee`: what takes the place of the former one."""
    previous = situation.calendar.cancelled_for
    dates = {"cancellation_date": day.isoformat(), "previous_date": previous.isoformat() if previous else None}
    found = [Consequence(now, Kind.MOVED, dates), mail(situation, Mail.CANCELLATION_MOVED, now)]
    return in_order([*found, *made_up(situation, day, now), *_of_the_date(situation, day, now, fee)])


def _of_the_date(situation: Situation, day: date, now: datetime, fee: Fee | None) -> Iterator[Consequence]:
    """What follows from the cancellation date, however it came to be that one."""
    if fee is not None:
        yield Consequence(now, Kind.FEE, _arithmetic(fee))
    calendar = replace(situation.calendar, cancelled_for=day)
    ends = service_ends_at(day, calendar.zone)
    for due in agenda(calendar, now, ends):
        yield from _due(situation, due)
    yield from _prevented(calendar, day, now)
    if situation.ships:
        yield Consequence(ends, Kind.SHIPMENT_STOPPED, {"unless_shipped": True})
    if situation.includes_utm:
        yield Consequence(undo_deadline(day, calendar.zone), Kind.UNDO_CLOSES)
        yield from _kits(situation, day)
    yield from _customer(situation, day)


def _due(situation: Situation, due: Due) -> Iterator[Consequence]:
    match due.event, due.renewed:
        case Event.START, _:
            yield Consequence(due.at, Kind.STARTS)
        case Event.NOTICE, Term() as renewed:
            yield notice(situation, due.at, renewed)
        case Event.RENEWAL, Term() as renewed:
            yield Consequence(due.at, Kind.RENEWS, days(renewed))
        case Event.END, _:
            last_day = day_of(due.at, situation.calendar.zone) - _DAY
            utms = [device.utm_id for device in situation.devices]
            told = {"last_day_of_service": last_day.isoformat(), "utms_no_longer_served": utms}
            yield Consequence(due.at, Kind.ENDS, told)


def _prevented(calendar: Calendar, day: date, now: datetime) -> Iterator[Consequence]:
    """The first renewal that does not come, and its notices; those after it would have followed from it (CAN-08)."""
    renewed = next_renewal(calendar.terms, day)
    if renewed is None:
        return
    yield Consequence(start_of_day(renewed.first_day, calendar.zone), Kind.NO_RENEWAL, days(renewed))
    for at in notices_of(calendar, renewed):
        if at > now:
            yield Consequence(at, Kind.NOTICE_DROPPED, days(renewed))


def _kits(situation: Situation, day: date) -> Iterator[Consequence]:
    """One for each UTM, to where it is installed (KIT-01)."""
    zone = situation.calendar.zone
    at = kit_requested_at(day, zone, situation.is_business_day)
    earliest = kit_due_date(day_of(at, zone), situation.kit_due)
    for device in situation.devices:
        told = {"template": Mail.RETURN_KIT_SENT.value, "recipients": [situation.contact]}
        yield Consequence(
            at, Kind.KIT_REQUESTED, {**_address(device), **told, "earliest_due_date": earliest.isoformat()}
        )


def _customer(situation: Situation, day: date) -> Iterator[Consequence]:
    """What it means for the customer once no contract of theirs goes on (CAN-05, CUS-03, CUS-05)."""
    last_days = [day, *situation.other_last_days]
    ends = [last_day for last_day in last_days if last_day is not None]
    since, zone = earliest_deletion(last_days), situation.calendar.zone
    if since is None:
        return
    yield Consequence(service_ends_at(max(ends), zone), Kind.CUSTOMER_CANCELLED)
    closes = portal_closes_at(max(ends), zone, situation.portal_closing)
    yield Consequence(closes, Kind.PORTAL_CLOSES, {"portal_users": situation.portal_users})
    registered = [device.utm_id for device in situation.devices]
    told = {"deletable_from": since.isoformat(), "utms_to_delete_first": registered}
    yield Consequence(start_of_day(since, zone), Kind.DELETABLE, told)


def _address(device: Device) -> dict[str, Any]:
    """Without a house number it is to be checked before anything is sent there (CAN-04)."""
    return {
        "utm_id": device.utm_id,
        "postal_code": device.postal_code,
        "address": device.address,
        "has_house_number": not lacks_house_number(device.address, device.town),
    }


def _arithmetic(fee: Fee) -> dict[str, Any]:
    return {
        "amount": fee.amount,
        "monthly_amount": fee.monthly_amount,
        "months_left": fee.months_left,
        "fixed": fee.is_fixed,
    }
