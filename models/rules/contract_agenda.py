"""What comes to a contract by the calendar alone: start, renewals and their notices, expiry, end (CON-04, CON-05)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from models.rules.contract_terms import Term, Terms, expires_on, renewals
from models.rules.periods import day_of, morning_of, start_of_day

_DAY = timedelta(days=1)


class Event(StrEnum):
    """In the order in which they are due at the same instant."""

    START = "contract_starts"
    RENEWAL = "contract_renews"
    EXPIRY = "contract_expires"
    END = "contract_ends"
    NOTICE = "renewal_notice"


@dataclass(frozen=True)
class Calendar:
    """`notices`: how many whole days before a renewal its notices go out. `cancelled_for`: the cancellation date.

    An end stands in it by the cancellation date alone: it is the caller's to say that the contract is cancelled.
    """

    terms: Terms
    zone: str
    notices: tuple[timedelta, ...] = ()
    cancelled_for: date | None = None


@dataclass(frozen=True)
class Due:
    """`renewed`: the term that begins, of a renewal and of its notice.

    The day before that term begins is the last cancellation date for which no month is left to be charged (CON-05).
    """

    at: datetime
    event: Event
    renewed: Term | None = None


def renews(renewed: Term, cancelled_for: date | None) -> bool:
    """Whether the term begins, also of a cancelled contract: the cancellation date lies in it, or later (CAN-08)."""
    return cancelled_for is None or renewed.first_day <= cancelled_for


def next_due(calendar: Calendar, after: datetime) -> list[Due]:
    """Everything due at the first instant after `after` at which anything is; empty when nothing comes any more.

    A contract's procedure goes through its life by asking this with the instant it has done everything up to. The start
    and the renewals come at 00:00 of their day in the zone, notices at 09:00.
    """
    coming = [due for due in _candidates(calendar, after) if due.at > after]
    first = min((due.at for due in coming), default=None)
    return sorted((due for due in coming if due.at == first), key=_order)


def agenda(calendar: Calendar, after: datetime, until: datetime) -> Iterator[Due]:
    """Everything due after the one instant and not after the other, in order."""
    while (dues := next_due(calendar, after)) and dues[0].at <= until:
        yield from dues
        after = dues[0].at


def notices_of(calendar: Calendar, renewed: Term) -> list[datetime]:
    """When the notices of a renewal go out, the earliest first (CON-05)."""
    return sorted(morning_of(renewed.first_day - early, calendar.zone) for early in calendar.notices)


def notice_name(renewed: Term, at: datetime) -> str:
    """Of one notice; it goes out once, ever."""
    return f"notice-{renewed.number}-{at:%Y%m%d}"


def notice_to_make_up(
    calendar: Calendar, was: Calendar, since: datetime, now: datetime, *, sent: Collection[str] = ()
) -> Due | None:
    """What is sent at once when an undo, or a later date, lets a renewal happen whose notice had fallen away (UND-06).

    `was`: the calendar that holds now, since the cancellation at `since`. `sent`: the names of those that went out,
    some of them while the date was another. One notice at most: the last that was missed for the first renewal still
    ahead.
    """
    kept = set(agenda(was, since, now))
    missed = [due for due in agenda(calendar, since, now) if due.event is Event.NOTICE and due not in kept]
    ahead = [
        due
        for due in missed
        if due.renewed
        and start_of_day(due.renewed.first_day, calendar.zone) > now
        and notice_name(due.renewed, due.at) not in sent
    ]
    return min(reversed(ahead), key=_order, default=None)


def _candidates(calendar: Calendar, after: datetime) -> Iterator[Due]:
    terms, zone, cancelled_for = calendar.terms, calendar.zone, calendar.cancelled_for
    if cancelled_for is None or terms.start <= cancelled_for:
        yield Due(start_of_day(terms.start, zone), Event.START)
    if cancelled_for is not None:
        yield Due(start_of_day(cancelled_for + _DAY, zone), Event.END)
    elif (expiry := expires_on(terms)) is not None:
        yield Due(start_of_day(expiry, zone), Event.EXPIRY)
    today = day_of(after, zone)
    yield from _first_renewal(calendar, today)
    for early in calendar.notices:
        yield from _first_notice(calendar, after, early)


def _first_renewal(calendar: Calendar, today: date) -> Iterator[Due]:
    for renewed in renewals(calendar.terms, today):
        if renews(renewed, calendar.cancelled_for):
            yield Due(start_of_day(renewed.first_day, calendar.zone), Event.RENEWAL, renewed)
        return


def _first_notice(calendar: Calendar, after: datetime, early: timedelta) -> Iterator[Due]:
    """The day's own notice may still be to come: the search begins the day before."""
    for renewed in renewals(calendar.terms, day_of(after, calendar.zone) + early - _DAY):
        at = morning_of(renewed.first_day - early, calendar.zone)
        if at > after:
            if renews(renewed, calendar.cancelled_for):
                yield Due(at, Event.NOTICE, renewed)
            return


def _order(due: Due) -> tuple[int, date]:
    return [*Event].index(due.event), due.renewed.first_day if due.renewed else date.min
