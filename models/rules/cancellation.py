"""The dates of a cancellation and of its undoing (CAN-01, CAN-05, CAN-08, UND-01)."""

from datetime import date, datetime, timedelta

from models.refusals import FieldError
from models.rules.contract_terms import Term, Terms, furthest_day, last_day, next_renewal
from models.rules.periods import start_of_day

_DAY = timedelta(days=1)


def cancellation_date_errors(day: date, today: date, terms: Terms) -> tuple[FieldError, ...]:
    """What is wrong with a cancellation date, first or moved (CAN-01, CAN-06).

    It may lie before the contract's start, which then never comes; not after the day with which it ends by itself.
    """
    ends, latest = last_day(terms), furthest_day(today)
    if day < today:
        return (FieldError("cancellation_date", "date_in_the_past", {"minimum": today.isoformat()}),)
    if ends is not None and day > ends:
        return (FieldError("cancellation_date", "after_contract_end", {"maximum": ends.isoformat()}),)
    if day > latest:
        return (FieldError("cancellation_date", "date_too_far", {"maximum": latest.isoformat()}),)
    return ()


def service_ends_at(cancellation_date: date, zone: str) -> datetime:
    """The first instant without service: the day after the cancellation date begins (CAN-01, CAN-05). In UTC."""
    return start_of_day(cancellation_date + _DAY, zone)


def portal_closes_at(last_day_of_service: date, zone: str, closing: timedelta) -> datetime:
    """When a customer without other contracts loses the portal: so many days after the contract's end (CAN-05)."""
    return start_of_day(last_day_of_service + _DAY + closing, zone)


def renewal_prevented(terms: Terms, cancellation_date: date) -> Term | None:
    """The first term that does not begin because the contract is cancelled (CAN-08)."""
    return next_renewal(terms, cancellation_date)


def undo_deadline(cancellation_date: date, zone: str) -> datetime:
    """The first instant at which it is too late: the month after the cancellation date's begins (UND-01). In UTC."""
    first_of_next = (cancellation_date.replace(day=1) + timedelta(days=31)).replace(day=1)
    return start_of_day(first_of_next, zone)
