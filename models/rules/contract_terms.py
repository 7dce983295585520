"""The terms of a contract: how long each one is, and when the next begins (CON-03, CON-04, CON-10).

Periods are counted as Japan's Civil Code counts them, article 143 (2): a period of months or years ends the day before
the day that corresponds to its first; where the last month has no such day, with that month's last day. Every term is
counted from the contract start date, never from the term before it, so that a contract of the 31st goes on from the
31st after a February.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, takewhile

from models.refusals import FieldError
from models.vocabulary import TermUnit

_DAY = timedelta(days=1)
_MONTHS = 12
_FURTHEST = 100 * _MONTHS


@dataclass(frozen=True)
class Terms:
    """What a contract's terms follow from. The lengths are whole months; `renewal` is 0 where nothing renews."""

    start: date
    initial: int
    renewal: int


@dataclass(frozen=True)
class Term:
    """`number` 0 is the initial term; the n-th renewal begins term n. Both days belong to the term."""

    number: int
    first_day: date
    last_day: date


def in_months(value: int, unit: TermUnit) -> int:
    """A length as people name it, in the months that the rules count."""
    return value * _MONTHS if unit is TermUnit.YEAR else value


def furthest_day(today: date) -> date:
    """Nobody starts or cancels a contract for a day beyond.

    A slip in the year would list thousands of renewals, or leave the calendar, which ends with the year 9999.
    """
    return day_after_months(today, _FURTHEST)


def start_date_errors(day: date, today: date) -> tuple[FieldError, ...]:
    """What is wrong with the day that a contract is to start on (CON-01)."""
    latest = furthest_day(today)
    if day < today:
        return (FieldError("start_date", "date_in_the_past", {"minimum": today.isoformat()}),)
    if day > latest:
        return (FieldError("start_date", "date_too_far", {"maximum": latest.isoformat()}),)
    return ()


def day_after_months(start: date, months: int) -> date:
    """The day after a period of so many months from `start`: the corresponding day, or the first that comes after it.

    Raises:
        ValueError: it lies beyond the year 9999.
    """
    year, month = divmod(start.year * _MONTHS + start.month - 1 + months, _MONTHS)
    try:
        return date(year, month + 1, start.day)
    except ValueError:
        following, first = divmod(year * _MONTHS + month + 1, _MONTHS)
        return date(following, first + 1, 1)


def months_begun(start: date, day: date) -> int:
    """How many whole months lie between the start and the day; negative before the start."""
    months = (day.year - start.year) * _MONTHS + day.month - start.month
    return months if day_after_months(start, months) <= day else months - 1


def term(terms: Terms, number: int) -> Term:
    """The term of that number; it is the caller's to know that there is one.

    Raises:
        ValueError: it ends beyond the year 9999.
    """
    begins, ends = _months_before(terms, number), _months_before(terms, number + 1)
    return Term(number, day_after_months(terms.start, begins), day_after_months(terms.start, ends) - _DAY)


def term_on(terms: Terms, day: date) -> Term | None:
    """The term that the day lies in; None before the start, and after the last day of a contract that expires."""
    begun = months_begun(terms.start, day)
    if begun < 0:
        return None
    if begun < terms.initial:
        return term(terms, 0)
    return term(terms, 1 + (begun - terms.initial) // terms.renewal) if terms.renewal else None


def last_day(terms: Terms) -> date | None:
    """The day with which the contract ends by itself; None where it renews (CON-04)."""
    return None if terms.renewal else term(terms, 0).last_day


def expires_on(terms: Terms) -> date | None:
    """The day on which it becomes `expired`, the one after its last; None where it renews (CON-04)."""
    ends = last_day(terms)
    return ends + _DAY if ends else None


def renewals(terms: Terms, after: date) -> Iterator[Term]:
    """The terms that begin by renewal after the day, without end; none where nothing renews."""
    if not terms.renewal:
        return iter(())
    running = term_on(terms, after)
    return (term(terms, number) for number in count(running.number + 1 if running else 1))


def next_renewal(terms: Terms, after: date) -> Term | None:
    """The first term that begins by renewal after the day."""
    return next(renewals(terms, after), None)


def renewals_between(terms: Terms, after: date, until: date) -> list[Term]:
    """The terms that begin by renewal after the one day and not after the other."""
    return list(takewhile(lambda renewed: renewed.first_day <= until, renewals(terms, after)))


def terms_begun(terms: Terms, until: date) -> list[Term]:
    """Every term that has begun by the end of that day, the initial one first."""
    begun = [term(terms, 0)] if terms.start <= until else []
    return begun + renewals_between(terms, terms.start, until)


def _months_before(terms: Terms, number: int) -> int:
    return terms.initial + (number - 1) * terms.renewal if number else 0
