"""Seeing to it that the table of recurrences is kept. Every worker does so at its start."""

from datetime import datetime

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from workflows.recurrences import RECURRENCES, Recurrence, RecurrencesOnTheWorldClock, of_zones
from workflows.search_attributes import DUE_AT

_ON_THE_WORLD_CLOCK = "recurrences"
_SUMMARY = "What recurs, on the world clock"


async def keep(client: Client, task_queue: str, *, world_clock: bool) -> None:
    """Make what is missing, and bring what is there up to date. An operator's pause stays.

    Raises:
        RPCError: the server is not ready.
    """
    if world_clock:
        await client.start_workflow(
            RecurrencesOnTheWorldClock.run,
            args=[{}, ()],
            id=_ON_THE_WORLD_CLOCK,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=_SUMMARY,
        )
        return
    for recurrence in RECURRENCES:
        await _keep_schedule(client, _schedule(recurrence, task_queue), recurrence.name)


async def keep_in(client: Client, task_queue: str, time_zone: str, *, world_clock: bool) -> None:
    """Likewise what is kept in every time zone that a tenant has, in this one. What is kept already stays as it is.

    Raises:
        RPCError: the server is not ready.
    """
    if world_clock:
        await client.start_workflow(
            RecurrencesOnTheWorldClock.run,
            args=[{}, ()],
            id=_ON_THE_WORLD_CLOCK,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=_SUMMARY,
            start_signal="keep_in",
            start_signal_args=[time_zone],
        )
        return
    for recurrence in of_zones([time_zone]):
        await _keep_schedule(client, _schedule(recurrence, task_queue), recurrence.name)


async def next_on_world_clock(client: Client) -> datetime | None:
    """When something recurring is due next, or was and is under way; None where nothing recurs."""
    try:
        found = await client.get_workflow_handle(_ON_THE_WORLD_CLOCK).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return found.typed_search_attributes.get(DUE_AT, found.start_time)  # it has just begun and not looked yet


def _schedule(recurrence: Recurrence, task_queue: str) -> Schedule:
    at = ScheduleCalendarSpec(
        hour=[ScheduleRange(recurrence.at.hour)],
        minute=[ScheduleRange(recurrence.at.minute)],
    )
    return Schedule(
        action=ScheduleActionStartWorkflow(
            recurrence.run,
            args=recurrence.input,
            id=recurrence.name,
            task_queue=task_queue,
            static_summary=f"{recurrence.name}, daily at {recurrence.at:%H:%M} {recurrence.time_zone}",
        ),
        spec=ScheduleSpec(calendars=[at], time_zone_name=recurrence.time_zone),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=recurrence.catchup),
    )


async def _keep_schedule(client: Client, wanted: Schedule, name: str) -> None:
    try:
        await client.create_schedule(name, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda found: _brought_up_to_date(found, wanted))


def _brought_up_to_date(found: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate:
    wanted.state = found.description.schedule.state
    return ScheduleUpdate(wanted)
