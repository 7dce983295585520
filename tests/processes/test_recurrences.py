"""What recurs: on the real server's Schedules, and on the world clock."""

import asyncio
import time as real_time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, ScheduleHandle, ScheduleOverlapPolicy

from activities.housekeeping import Tidied
from local.processes import free_port
from local.temporal_server import TemporalPorts, TemporalServer
from models.clock import SystemClock
from models.database import Database
from models.tables.idempotent_answers import IdempotentAnswer
from models.tables.people import Session, SignInTry
from settings import Settings
from tests.world import TENANT, World, eventually, sign_in_staff
from worker import make_courier, make_worker
from workflows import schedules
from workflows.client import connect

A_DAY = timedelta(days=1)


@pytest.fixture
async def real_server(tmp_path: Path, settings: Settings) -> AsyncIterator[Client]:
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=tmp_path / "temporal.log")
    server.start()
    yield await connect(server.address, "default", settings.payload_cipher())
    server.stop()


async def test_a_real_server_keeps_one_schedule_however_often_a_worker_starts(
    real_server: Client, database: Database, settings: Settings
) -> None:
    """At 03:00 in Tokyo, one at a time, half a day late at most; it runs, and an operator's pause stays."""
    await schedules.keep(real_server, settings.temporal_task_queue, world_clock=False)
    schedule = real_server.get_schedule_handle("housekeeping")
    async with make_worker(
        settings, real_server, database=database, clock=SystemClock(), courier=make_courier(settings)
    ):
        await schedule.trigger()
        await eventually(lambda: _has_run(schedule))
        [run] = (await schedule.describe()).info.recent_actions
        assert isinstance(run.action, ScheduleActionExecutionStartWorkflow)
        result = await real_server.get_workflow_handle(run.action.workflow_id, result_type=Tidied).result()
    assert result == Tidied(sessions=0, idempotent_answers=0, sign_in_tries=0)
    await schedule.pause(note="an operator's")
    await schedules.keep(real_server, settings.temporal_task_queue, world_clock=False)
    described = await schedule.describe()
    assert described.schedule.state.paused
    assert described.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert described.schedule.policy.catchup_window == timedelta(hours=12)
    due = [at.astimezone(ZoneInfo("Asia/Tokyo")) for at in described.info.next_action_times[:2]]
    assert [(at.hour, at.minute) for at in due] == [(3, 0), (3, 0)]
    assert due[1] - due[0] == A_DAY


async def _has_run(schedule: ScheduleHandle) -> bool:
    return bool((await schedule.describe()).info.recent_actions)


async def _add_rows(world: World, now: datetime) -> None:
    async with world.database.transaction() as connection:
        for name, age in (("old", 91 * A_DAY), ("new", 80 * A_DAY)):
            await connection.execute(
                insert(IdempotentAnswer).values(
                    scope_digest=name, fingerprint="f", status=200, headers={}, body=b"", created_at=now - age
                )
            )
            await connection.execute(
                insert(SignInTry).values(address_digest=name, wrong_in_a_row=3, last_try_at=now - age)
            )
        [person_id] = (await connection.execute(select(Session.person_id))).scalars()
        for name, left in (("ended", A_DAY / 2), ("open", 5 * A_DAY)):
            await connection.execute(
                insert(Session).values(token_digest=name, person_id=person_id, created_at=now, expires_at=now + left)
            )


@pytest.mark.requirement("AUT-05", "GEN-09")
async def test_the_night_deletes_what_has_expired_and_nothing_else(world: World) -> None:
    """Sessions at their end; answers and wrong passwords after ninety days."""
    await sign_in_staff(world, TENANT)
    await _add_rows(world, await world.clock.now())
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    await world.advance(days=2)
    async with world.database.transaction() as connection:
        assert list((await connection.execute(select(IdempotentAnswer.scope_digest))).scalars()) == ["new"]
        assert list((await connection.execute(select(SignInTry.address_digest))).scalars()) == ["new"]
        open_sessions = set((await connection.execute(select(Session.token_digest))).scalars())
    assert "open" in open_sessions
    assert "ended" not in open_sessions


async def test_a_quarter_of_nights_passes_quickly(world: World) -> None:
    """What recurs does not hold the world clock: a quarter takes seconds, not minutes."""
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    began = real_time.monotonic()
    await world.advance(days=90)
    took = real_time.monotonic() - began
    print(f"a quarter took {took:.1f} s")  # noqa: T201
    assert took < 30
    due = await schedules.next_on_world_clock(world.client)
    assert due is not None
    assert due - await world.clock.now() <= A_DAY


async def test_asking_when_something_is_due_next_never_stops_the_world_clock(world: World) -> None:
    """Not even while the recurrences continue as new, which the rehearsal's server gives up for good over a query."""
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    is_over = asyncio.Event()

    async def ask() -> None:
        while not is_over.is_set():
            due = await schedules.next_on_world_clock(world.client)
            assert due is not None

    async with asyncio.TaskGroup() as tasks, asyncio.timeout(60):
        for _ in range(4):
            tasks.create_task(ask())
        await world.advance(days=90)
        is_over.set()
