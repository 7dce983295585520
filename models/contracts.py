"""A contract's row as the rules see it, and what the calendar brings to it next. Reads nothing, decides nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Row

from models.messages.contract_steps import ChosenPlan
from models.rules.cancellation import undo_deadline
from models.rules.contract_agenda import Calendar, Due, Event, agenda
from models.rules.contract_decisions import Standing
from models.rules.contract_terms import Term, Terms, in_months
from models.rules.customer_deletion import contract_last_day
from models.rules.fees import Charge, RatePlan
from models.vocabulary import BillingPeriod, ChargeModel, ChargeType, ContractStatus, TermUnit

UNDO_CLOSES = "undo_window_closes"
PORTAL_CLOSES = "portal_closes"
ContractRow = Any
"""A row of `contracts`, or one as it would be, in a dry run."""
_SHOWN = 6
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Coming:
    """`what`: an event of the rules' calendar, or the closing of undo window or portal. `renewed`: its term."""

    at: datetime
    what: str
    renewed: Term | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a contract's dates depend on besides its row; `portal_closes_at` is its customer's.

    `notices_sent`: the names of those that went out, of a cancelled contract.
    """

    zone: str
    notices: tuple[timedelta, ...]
    portal_closes_at: datetime | None = None
    notices_sent: frozenset[str] = frozenset()


def terms_of(contract: ContractRow) -> Terms:
    return Terms(
        start=contract.start_date,
        initial=in_months(contract.initial_term_value, TermUnit(contract.initial_term_unit)),
        renewal=in_months(contract.renewal_term_value, TermUnit(contract.renewal_term_unit)),
    )


def calendar_of(contract: ContractRow, around: Surroundings) -> Calendar:
    return Calendar(
        terms=terms_of(contract), zone=around.zone, notices=around.notices, cancelled_for=contract.cancellation_date
    )


def standing_of(contract: ContractRow, zone: str) -> Standing:
    return Standing(
        status=ContractStatus(contract.status),
        zone=zone,
        includes_utm=contract.includes_utm,
        cancellation_date=contract.cancellation_date,
    )


def last_day_of(contract: ContractRow) -> date | None:
    """The last day on which it is in force; None where it goes on by itself."""
    return contract_last_day(ContractStatus(contract.status), terms_of(contract), contract.cancellation_date)


def undo_deadline_of(contract: ContractRow, zone: str) -> datetime | None:
    """The first instant at which its cancellation can no longer be undone (UND-01)."""
    if contract.cancellation_date is None or not contract.includes_utm:
        return None
    return undo_deadline(contract.cancellation_date, zone)


def coming(contract: ContractRow, around: Surroundings) -> list[Coming]:
    """What the calendar brings after what has been done, soonest first; empty when the contract's story is over."""
    found = [] if contract.ended_at else [_coming(due) for due in _first(calendar_of(contract, around), contract)]
    deadline = undo_deadline_of(contract, around.zone)
    if deadline is not None:
        found.append(Coming(deadline, UNDO_CLOSES))
    if contract.ended_at and around.portal_closes_at is not None:
        found.append(Coming(around.portal_closes_at, PORTAL_CLOSES))
    return sorted((one for one in found if one.at > contract.done_until), key=lambda one: one.at)


def rate_plans_of(plans: Sequence[Row[Any] | ChosenPlan]) -> list[RatePlan]:
    """Of a contract, as they are stored or have been chosen."""
    return [RatePlan([*_charges(plan.charges)], plan.quantity, plan.unit_price) for plan in plans]


def _first(calendar: Calendar, contract: ContractRow) -> Iterator[Due]:
    """Up to the contract's end, and not without end."""
    for due in islice(agenda(calendar, contract.done_until, _FOR_EVER), _SHOWN):
        yield due
        if due.event in (Event.END, Event.EXPIRY):
            return


def _coming(due: Due) -> Coming:
    return Coming(due.at, due.event, due.renewed)


def _charges(charges: Sequence[dict[str, Any]]) -> Iterator[Charge]:
    for charge in charges:
        model = ChargeModel(charge["model"])
        amount = charge["percent"] if model is ChargeModel.DISCOUNT_PERCENTAGE else charge["price"]
        period = BillingPeriod(charge["billing_period"]) if charge["billing_period"] else None
        yield Charge(ChargeType(charge["type"]), model, amount or 0, period)
