"""What a command about a contract leads to, as its dry run tells it: the facts it follows from, and how it is told.

The dates are those of the rules that the procedures act by: a dry run tells what will happen, not a guess at it. What
depends on others (when the carrier takes a kit, whether a device comes back) has no date here: a kit's consequence says
when the carrier is asked, and what follows from that at the earliest.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from models.rules.business_days import IsBusinessDay
from models.rules.contract_agenda import Calendar, Due, notice_to_make_up
from models.rules.contract_terms import Term
from models.vocabulary import ConsequenceKind, Mail

_ORDER = {kind: place for place, kind in enumerate(ConsequenceKind)}


@dataclass(frozen=True)
class Consequence:
    """`facts`: JSON values. A mail's name its recipients, a term's its days, a fee's its arithmetic."""

    at: datetime
    what: ConsequenceKind
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """A UTM of the contract, where it is installed. `town`: as its postal code names it, to find the house number.

    `undoing`: what an undo means for its return kit, if it has one (`kit_undoing` says it by the kit's state, UND-03).
    """

    utm_id: str
    postal_code: str
    address: str
    town: str = ""
    undoing: ConsequenceKind | None = None


@dataclass(frozen=True)
class Situation:
    """All that consequences follow from, as it is before the command.

    `calendar` holds the present cancellation date, and has held it since `cancelled_at`. `contact`: the customer's own
    mail address. `ships`: a device is to be shipped and has not left yet; `was_stopped`: its shipment has been stopped.
    `other_last_days`: of the customer's other contracts, None for one that goes on by itself.
    `notices_sent`: the names of the renewal notices that went out since.
    """

    calendar: Calendar
    includes_utm: bool
    contact: str
    portal_users: int
    notification_addresses: Sequence[str]
    is_business_day: IsBusinessDay
    portal_closing: timedelta
    kit_due: timedelta
    devices: Sequence[Device] = ()
    ships: bool = False
    was_stopped: bool = False
    other_last_days: Sequence[date | None] = ()
    cancelled_at: datetime | None = None
    notices_sent: Collection[str] = ()


def in_order(consequences: Iterable[Consequence]) -> list[Consequence]:
    """By time; at the same instant in the order in which they follow from each other."""
    return sorted(consequences, key=lambda one: (one.at, _ORDER[one.what]))


def mail(situation: Situation, name: Mail, at: datetime, facts: dict[str, Any] | None = None) -> Consequence:
    """A mail to the tenant's notification addresses, which may be none."""
    told = {"template": name.value, "recipients": [*situation.notification_addresses], **(facts or {})}
    return Consequence(at, ConsequenceKind.MAIL, told)


def notice(situation: Situation, at: datetime, renewed: Term) -> Consequence:
    """Of a renewal to come; the day before the new term is the last to cancel for without a fee (CON-05)."""
    last_free_date = (renewed.first_day - timedelta(days=1)).isoformat()
    return mail(situation, Mail.CONTRACT_RENEWAL_NOTICE, at, {**days(renewed), "last_free_date": last_free_date})


def made_up(situation: Situation, cancelled_for: date | None, now: datetime) -> Iterator[Consequence]:
    """The notice that had fallen away and goes out at once, now that its renewal is on again (UND-06)."""
    was = situation.calendar
    if situation.cancelled_at is None:
        return
    missed = notice_to_make_up(
        replace(was, cancelled_for=cancelled_for), was, situation.cancelled_at, now, sent=situation.notices_sent
    )
    match missed:
        case Due(renewed=Term() as renewed):
            yield notice(situation, now, renewed)


def days(term: Term) -> dict[str, Any]:
    return {
        "term_number": term.number,
        "term_start_date": term.first_day.isoformat(),
        "term_end_date": term.last_day.isoformat(),
    }
