"""What cancelling a contract, moving its date and undoing it change: the same for the act and for its dry run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from models.contracts import ContractRow, Surroundings, calendar_of, rate_plans_of, standing_of, terms_of
from models.refusals import FieldError, InvalidInput, NothingChanged
from models.rules.cancellation import cancellation_date_errors
from models.rules.contract_agenda import Calendar, Due, notice_to_make_up
from models.rules.contract_decisions import refusal_of
from models.rules.contract_terms import Term, expires_on, terms_begun
from models.rules.fees import Fee, cancellation_fee, is_billed_by_the_month
from models.rules.periods import day_of
from models.vocabulary import ContractCommand


@dataclass(frozen=True)
class Moment:
    """When a command is judged, and by what: the contract's surroundings, and the fee that replaces the formula."""

    at: datetime
    around: Surroundings
    fixed_fee: int | None = None

    @property
    def today(self) -> date:
        return day_of(self.at, self.around.zone)


@dataclass(frozen=True)
class PlannedCancellation:
    """`fee`: None where none is charged. `notice`: of a renewal that a later date lets happen after all."""

    day: date
    fee: Fee | None
    notice: Due | None = None

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "cancellation_date": self.day,
            "fee_charged": self.fee is not None,
            "fee": self.fee.amount if self.fee else None,
        }


@dataclass(frozen=True)
class PlannedUndo:
    """What fell due while it was cancelled and is made up: renewals, one notice at most, or the expiry (UND-02)."""

    renewals: tuple[Term, ...]
    notice: Due | None
    expires: bool


def plan_cancellation(
    contract: ContractRow, plans: Sequence[Row[Any]], day: date, *, charge_fee: bool, moment: Moment
) -> PlannedCancellation:
    """Raises: Refusal: the contract's state (CAN-07), the date (CAN-01), or the fee (CAN-02) does not allow it."""
    _refuse(ContractCommand.CANCEL, contract, moment)
    return _planned(contract, plans, day, charge_fee=charge_fee, moment=moment)


def plan_move(contract: ContractRow, plans: Sequence[Row[Any]], day: date, *, moment: Moment) -> PlannedCancellation:
    """Raises: Refusal: it has ended, the date does not allow it (CAN-06), or it is that date already."""
    _refuse(ContractCommand.RESCHEDULE, contract, moment)
    if day == contract.cancellation_date:
        raise NothingChanged
    planned = _planned(contract, plans, day, charge_fee=contract.fee_charged, moment=moment)
    was = calendar_of(contract, moment.around)
    return replace(planned, notice=_made_up(contract, replace(was, cancelled_for=day), moment))


def plan_undo(contract: ContractRow, *, moment: Moment) -> PlannedUndo:
    """Raises: Refusal: no UTM in the product, or too late (UND-01)."""
    _refuse(ContractCommand.UNDO, contract, moment)
    terms = terms_of(contract)
    begun = terms_begun(terms, moment.today)
    was = calendar_of(contract, moment.around)
    ends = expires_on(terms)
    return PlannedUndo(
        renewals=tuple(term for term in begun if term.number > contract.term_number),
        notice=_made_up(contract, replace(was, cancelled_for=None), moment),
        expires=ends is not None and ends <= moment.today,
    )


def _planned(
    contract: ContractRow, plans: Sequence[Row[Any]], day: date, *, charge_fee: bool, moment: Moment
) -> PlannedCancellation:
    terms, chosen = terms_of(contract), rate_plans_of(plans)
    errors = list(cancellation_date_errors(day, moment.today, terms))
    if charge_fee and not is_billed_by_the_month(chosen):
        errors.append(FieldError("charge_fee", "fee_needs_monthly_billing"))
    if errors:
        raise InvalidInput(errors=errors)
    return PlannedCancellation(
        day, cancellation_fee(chosen, terms, day, fixed=moment.fixed_fee) if charge_fee else None
    )


def _made_up(contract: ContractRow, calendar: Calendar, moment: Moment) -> Due | None:
    was = calendar_of(contract, moment.around)
    return notice_to_make_up(calendar, was, contract.cancelled_at, moment.at, sent=moment.around.notices_sent)


def _refuse(command: ContractCommand, contract: ContractRow, moment: Moment) -> None:
    refusal = refusal_of(command, standing_of(contract, moment.around.zone), moment.at)
    if refusal is not None:
        raise refusal
