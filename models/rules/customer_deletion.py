"""When a customer may be deleted, and what its status is: both follow from when its contracts end (CUS-03, CUS-05)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.rules.contract_terms import Terms
from models.rules.contract_terms import last_day as last_day_of_terms
from models.vocabulary import ContractStatus, CustomerStatus, DeletionBlocker

_DAY_OF_MONTH = 5
"""Of the month after the last contract's end: by then that month is billed, and nothing can be undone any more."""


@dataclass(frozen=True)
class Deletability:
    """`since`: the first day that the contracts leave open, when all of them have an end."""

    blockers: tuple[DeletionBlocker, ...]
    since: date | None


def contract_last_day(status: ContractStatus, terms: Terms, cancellation_date: date | None) -> date | None:
    """The last day on which a contract is in force; None where it goes on by itself."""
    return cancellation_date if status is ContractStatus.CANCELLED else last_day_of_terms(terms)


def is_in_force(last_day: date | None, today: date) -> bool:
    """Also before its start (CON-10), and after its cancellation as long as service runs (CAN-01)."""
    return last_day is None or today <= last_day


def customer_status(last_days: Sequence[date | None], today: date) -> CustomerStatus:
    """By the last days of all the contracts the customer has had (CUS-03)."""
    if not last_days:
        return CustomerStatus.DRAFT
    in_force = any(is_in_force(last_day, today) for last_day in last_days)
    return CustomerStatus.ACTIVE if in_force else CustomerStatus.CANCELLED


def earliest_deletion(last_days: Sequence[date | None]) -> date | None:
    """The 5th of the month after the latest end; None without contracts, and while one has no end (CUS-05)."""
    ends = [last_day for last_day in last_days if last_day is not None]
    if not ends or len(ends) < len(last_days):
        return None
    return (max(ends).replace(day=1) + timedelta(days=31)).replace(day=_DAY_OF_MONTH)


def deletability(last_days: Sequence[date | None], utms: int, today: date) -> Deletability:
    """What stands in the way of a deletion today, and the first day the contracts allow one (CUS-05)."""
    since = earliest_deletion(last_days)
    blockers = []
    if utms:
        blockers.append(DeletionBlocker.UTM)
    if any(is_in_force(last_day, today) for last_day in last_days):
        blockers.append(DeletionBlocker.CONTRACT_IN_FORCE)
    elif since is not None and today < since:
        blockers.append(DeletionBlocker.CONTRACT_ENDED_RECENTLY)
    return Deletability(tuple(blockers), since)
