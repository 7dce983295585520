"""`?from=` and `?to=`: a day, a month or a year in the tenant's zone, both of them included (APP-10, APP-16).

query = select(table).where(…, *period.conditions(table.c.submitted_at, tenant.time_zone))
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement

from models.fields import OrAbsent
from models.rules.periods import PERIOD, first_day, last_day, start_of_day

_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{PERIOD.pattern}$", "examples": ["2026", "2026-11"]})
_ONE_DAY = timedelta(days=1)


def _read_by(read: Callable[[str], date]) -> Callable[[Any], date]:
    def day(value: Any) -> date:  # noqa: ANN401 - whatever a caller sends
        try:
            return read(value.strip())
        except ValueError:
            raise PydanticCustomError("invalid_period", "must be YYYY, YYYY-MM or YYYY-MM-DD") from None

    return day


_FirstDay = Annotated[date, BeforeValidator(_read_by(first_day)), _SCHEMA]
_LastDay = Annotated[date, BeforeValidator(_read_by(last_day)), _SCHEMA]


@dataclass(frozen=True)
class Period:
    """Without `first` or `last` it is open at that end."""

    first: date | None
    last: date | None

    def conditions(self, instant: ColumnElement[datetime], zone: str) -> list[ColumnElement[bool]]:
        """That the instant is on one of the period's days in the zone."""
        conditions = []
        if self.first is not None:
            conditions.append(instant >= start_of_day(self.first, zone))
        if self.last is not None:
            conditions.append(instant < start_of_day(self.last + _ONE_DAY, zone))
        return conditions


def _period(
    first: Annotated[OrAbsent[_FirstDay], Query(alias="from", description="from this day, month or year on")] = None,
    last: Annotated[OrAbsent[_LastDay], Query(alias="to", description="to the end of this day, month or year")] = None,
) -> Period:
    return Period(first, last)


PeriodQuery = Annotated[Period, Depends(_period)]
