"""What is done again and again: one table.

On a real server Temporal's Schedules keep it (`workflows/schedules.py`). The rehearsal's server knows no Schedules and
has a clock that jumps; there one workflow runs the same table on that clock.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError

from models.rules.recurrence import next_daily
from workflows.housekeeping import Housekeeping

_RUNS_PER_HISTORY = 200


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """A workflow without input, begun daily at a time of a place. `name` begins its ids.

    `catchup`: how late a run that an outage prevented is still begun. A run that is under way keeps the next from
    beginning. Whatever one does, it does for everything that is due by then, so that a run left out does no harm.
    """

    name: str
    run: Callable[..., Awaitable[Any]]
    at: time
    time_zone: str
    catchup: timedelta


RECURRENCES = (
    Recurrence(
        name="housekeeping",
        run=Housekeeping.run,
        at=time(3),
        time_zone="Asia/Tokyo",
        catchup=timedelta(hours=12),
    ),
)


@workflow.defn(name="RecurrencesOnTheWorldClock")
class RecurrencesOnTheWorldClock:
    """Each run at its own instant, one after the other. `done`: until when, by the recurrence's name."""

    @workflow.init
    def __init__(self, done: dict[str, datetime]) -> None:
        self._done = {one.name: done.get(one.name, workflow.now()) for one in RECURRENCES}

    @workflow.run
    async def run(self, done: dict[str, datetime]) -> None:
        for _ in range(_RUNS_PER_HISTORY):
            recurrence = min(RECURRENCES, key=self._due)
            due = self._due(recurrence)
            await workflow.sleep(max(due - workflow.now(), timedelta(0)), summary=f"Begin {recurrence.name}")
            await self._carry_out(recurrence, due)
            self._done[recurrence.name] = due
        workflow.continue_as_new(self._done)

    @workflow.query(description="When the next run is due, or the one under way was.")
    def next_due(self) -> datetime:
        return min(map(self._due, RECURRENCES))

    async def _carry_out(self, recurrence: Recurrence, due: datetime) -> None:
        try:
            await workflow.execute_child_workflow(recurrence.run, id=f"{recurrence.name}-{due:%Y-%m-%dT%H:%MZ}")
        except ChildWorkflowError:
            workflow.logger.warning("%s failed; its next run does its work", recurrence.name)

    def _due(self, recurrence: Recurrence) -> datetime:
        return next_daily(self._done[recurrence.name], recurrence.at, recurrence.time_zone)
