"""What applications are looked up by: period, state, and parts of number and company's name (APP-10, ADD-03)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from sqlalchemy import ColumnElement

from api.periods import Period
from models.fields import CompanyName, OrAbsent, Title
from models.refusals import FieldError, InvalidInput

State = TypeVar("State", bound=StrEnum)
ALL = "all"
NumberQuery = Annotated[OrAbsent[Title], Query(description="a part of it, in any case")]
CompanyNameQuery = Annotated[OrAbsent[CompanyName], Query(description="a part of it, in any case")]


@dataclass(frozen=True)
class Columns:
    """Where a kind of application keeps what is looked for."""

    submitted_at: ColumnElement[datetime]
    state: ColumnElement[str]
    number: ColumnElement[str]
    company_name: ColumnElement[str]


@dataclass(frozen=True)
class Search(Generic[State]):
    period: Period
    states: tuple[State, ...]
    number: str | None
    company_name: str | None

    def conditions(self, columns: Columns, zone: str) -> list[ColumnElement[bool]]:
        conditions = self.period.conditions(columns.submitted_at, zone)
        conditions.append(columns.state.in_(self.states))
        for column, part in ((columns.number, self.number), (columns.company_name, self.company_name)):
            if part is not None:
                conditions.append(column.icontains(part, autoescape=True))
        return conditions


def states_of(status: str, states: type[State], *, unasked: tuple[State, ...]) -> tuple[State, ...]:
    """The states that `?status=` names; without it those shown `unasked`.

    Raises:
        InvalidInput: there is no such status.
    """
    if not status.strip():
        return unasked
    if status == ALL:
        return tuple(states)
    if status not in [*states]:
        choices = ", ".join([*states, ALL])
        raise InvalidInput(errors=[FieldError("status", "unknown_choice", {"choices": choices})])
    return (states(status),)
