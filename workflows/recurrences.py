"""What is done again and again: one table, and one more of what each time zone of a tenant has for itself.

On a real server Temporal's Schedules keep it (`workflows/schedules.py`). The rehearsal's server knows no Schedules and
has a clock that jumps; there one workflow runs the same table on that clock.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError

from models.rules.periods import MORNING
from models.rules.recurrence import next_daily
from workflows.contract_shortage import ContractShortageCheck
from workflows.housekeeping import Housekeeping
from workflows.search_attributes import DUE_AT

_RUNS_PER_HISTORY = 5  # a rehearsal replays it for each of its tasks


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """A workflow, begun daily at a time of a place. `name` begins its ids; `input` are its arguments.

    `catchup`: how late a run that an outage prevented is still begun. A run that is under way keeps the next from
    beginning. Whatever one does, it does for everything that is due by then, so that a run left out does no harm.
    """

    name: str
    run: Callable[..., Awaitable[Any]]
    at: time
    time_zone: str = ""
    catchup: timedelta
    input: tuple[str, ...] = ()

    def in_zone(self, time_zone: str) -> "Recurrence":
        """The same for one zone, which its workflow is told. A `/` does not go into an id."""
        name = f"{self.name}-{time_zone.replace('/', '.')}"
        return replace(self, name=name, time_zone=time_zone, input=(time_zone,))


RECURRENCES = (
    Recurrence(
        name="housekeeping",
        run=Housekeeping.run,
        at=time(3),
        time_zone="Asia/Tokyo",
        catchup=timedelta(hours=12),
    ),
)
IN_EVERY_ZONE = (
    Recurrence(name="contract-shortage", run=ContractShortageCheck.run, at=MORNING, catchup=timedelta(hours=12)),
)


def of_zones(zones: Iterable[str]) -> list[Recurrence]:
    return [recurrence.in_zone(zone) for zone in zones for recurrence in IN_EVERY_ZONE]


@workflow.defn(name="RecurrencesOnTheWorldClock")
class RecurrencesOnTheWorldClock:
    """Each run at its own instant, one after the other. `done`: until when, by the recurrence's name."""

    @workflow.init
    def __init__(self, done: dict[str, datetime], zones: tuple[str, ...] = ()) -> None:
        self._zones: list[str] = []
        self._table: list[Recurrence] = []
        self._done = dict(done)
        self._take(RECURRENCES)
        for zone in zones:
            self.keep_in(zone)

    @workflow.run
    async def run(self, done: dict[str, datetime], zones: tuple[str, ...] = ()) -> None:
        for _ in range(_RUNS_PER_HISTORY):
            recurrence = await self._next()
            due = self._due(recurrence)
            await self._carry_out(recurrence, due)
            self._done[recurrence.name] = due
        workflow.continue_as_new(args=[self._done, tuple(self._zones)])

    @workflow.signal(description="A tenant has this time zone: keep there what is kept in every zone.")
    def keep_in(self, time_zone: str) -> None:
        if time_zone not in self._zones:
            self._zones.append(time_zone)
            self._take(of_zones([time_zone]))

    def _take(self, recurrences: Iterable[Recurrence]) -> None:
        for recurrence in recurrences:
            self._table.append(recurrence)
            self._done.setdefault(recurrence.name, workflow.now())

    async def _next(self) -> Recurrence:
        """The recurrence that is due, once it is. Another zone may bring one that is due before."""
        while True:
            recurrence, known = min(self._table, key=self._due), len(self._table)
            due = self._due(recurrence)
            # Not a query: one that meets a Continue-As-New makes the rehearsal's server refuse that for good.
            workflow.upsert_search_attributes([DUE_AT.value_set(due)])
            left = max(due - workflow.now(), timedelta(0))
            try:
                await workflow.wait_condition(
                    lambda known=known: len(self._table) > known,  # type: ignore[misc]
                    timeout=left,
                    timeout_summary=f"Begin {recurrence.name}",
                )
            except TimeoutError:
                return recurrence

    async def _carry_out(self, recurrence: Recurrence, due: datetime) -> None:
        name = f"{recurrence.name}-{due:%Y-%m-%dT%H:%MZ}"
        try:
            await workflow.execute_child_workflow(recurrence.run, args=recurrence.input, id=name)
        except ChildWorkflowError:
            workflow.logger.warning("%s failed; its next run does its work", recurrence.name)

    def _due(self, recurrence: Recurrence) -> datetime:
        return next_daily(self._done[recurrence.name], recurrence.at, recurrence.time_zone)
