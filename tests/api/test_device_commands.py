"""Commands to UTMs, polled for and waited for (UTM-06, RST-05)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from starlette.types import Message, Scope

from api.device_desk import DeviceDesk, desk_of
from api.devices import not_all_at_once
from models.device_commands import settle
from models.device_vocabulary import DeviceCommandState
from tests.conftest import Postgres
from tests.devices import DeviceUnderTest, command_state, make_devices, order_restart, withdrawn
from tests.world import World, eventually

pytestmark = pytest.mark.requirement("UTM-06")


@pytest.fixture
async def device(world: World) -> DeviceUnderTest:
    [device] = await make_devices(world.database, await world.clock.now())
    return device


def app_of(api: AsyncClient) -> FastAPI:
    app: FastAPI = api._transport.app  # type: ignore[attr-defined]  # noqa: SLF001 - the app behind the client
    return app


async def polled(api: AsyncClient, device: DeviceUnderTest, wait: int = 0) -> list[str]:
    answer = await api.get(f"/v1/device/commands?wait={wait}", headers=device.headers)
    assert answer.status_code == 200, answer.text
    return [command["command_id"] for command in answer.json()["commands"]]


@asynccontextmanager
async def waiting(
    api: AsyncClient, desk: DeviceDesk, *devices: DeviceUnderTest, wait: int = 60
) -> AsyncIterator[list[asyncio.Task[list[str]]]]:
    """Long polls of the devices, under way: each has looked once and waits."""
    tasks = [asyncio.create_task(polled(api, device, wait)) for device in devices]
    await eventually(lambda: desk.doorbell.waiting == len(devices))
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def desk(api: AsyncClient) -> DeviceDesk:
    return desk_of(app_of(api))


@pytest.mark.requirement("RST-05")
async def test_a_command_is_handed_over_while_it_is_on_offer(
    api: AsyncClient, device: DeviceUnderTest, world: World
) -> None:
    """Not before, not after; again and again until the device has begun; never once it was taken back."""
    later = await order_restart(world, device, after=timedelta(minutes=10))
    taken_back = await order_restart(world, device)
    assert await withdrawn(world, device, taken_back)
    assert await polled(api, device) == []
    await world.advance(minutes=10)
    assert [await polled(api, device), await polled(api, device)] == [[later], [later]]
    assert not await withdrawn(world, device, later)
    assert await command_state(world, device, later) == "offered"
    await world.advance(minutes=15)
    assert await polled(api, device) == []


@pytest.mark.requirement("RST-05")
async def test_a_device_is_given_one_command_at_a_time(
    api: AsyncClient, desk: DeviceDesk, device: DeviceUnderTest, world: World
) -> None:
    """Two restarts never overlap: the second is handed over when the first is over, and not before."""
    first, second = await order_restart(world, device), await order_restart(world, device, after=timedelta(minutes=1))
    await world.advance(minutes=1)
    assert await polled(api, device) == [first]

    async def became(state: DeviceCommandState) -> None:
        async with world.database.transaction(device.tenant_id) as connection:
            await settle(connection, device.tenant_id, first, state, await world.clock.now())

    await became(DeviceCommandState.STARTED)
    async with waiting(api, desk, device) as [poll]:
        assert await polled(api, device) == []
        await became(DeviceCommandState.SUCCEEDED)
        assert await poll == [second]


@pytest.mark.requirement("RST-04")
async def test_of_taking_back_and_handing_over_at_once_one_wins(api: AsyncClient, world: World) -> None:
    """What was taken back never reaches the device, and what reached it cannot be taken back."""
    devices = await make_devices(world.database, await world.clock.now(), 20)
    orders = [await order_restart(world, device) for device in devices]

    async def raced(device: DeviceUnderTest, command_id: str) -> tuple[bool, bool]:
        found, was_taken_back = await asyncio.gather(polled(api, device), withdrawn(world, device, command_id))
        return bool(found), was_taken_back

    outcomes = await asyncio.gather(*(raced(*one) for one in zip(devices, orders, strict=True)))
    assert set(outcomes) <= {(True, False), (False, True)}


async def test_who_waits_is_told_at_once_and_nobody_else(api: AsyncClient, desk: DeviceDesk, world: World) -> None:
    """By word of the transaction that gave the command, in whatever process."""
    device, neighbour = await make_devices(world.database, await world.clock.now(), 2)
    async with waiting(api, desk, device, neighbour) as (mine, other):
        command_id = await order_restart(world, device)
        assert await asyncio.wait_for(mine, 20) == [command_id]
        assert not other.done()


@pytest.mark.requirement("RST-05")
async def test_who_waits_is_told_when_the_slot_comes(
    api: AsyncClient, desk: DeviceDesk, device: DeviceUnderTest, world: World
) -> None:
    """Nobody has to say anything then: the command was written ahead of its time."""
    command_id = await order_restart(world, device, after=timedelta(seconds=1))
    async with waiting(api, desk, device) as (mine,):
        assert await asyncio.wait_for(mine, 20) == [command_id]


async def test_nothing_to_do_is_answered_when_the_time_is_over(api: AsyncClient, device: DeviceUnderTest) -> None:
    """At most a minute can be asked for."""
    began = asyncio.get_running_loop().time()
    assert await polled(api, device, wait=1) == []
    assert asyncio.get_running_loop().time() - began >= 1
    refused = await api.get("/v1/device/commands?wait=61", headers=device.headers)
    assert [error["code"] for error in refused.json()["errors"]] == ["too_large"]


async def test_after_a_lost_connection_everybody_looks_again(
    api: AsyncClient, desk: DeviceDesk, device: DeviceUnderTest, world: World, postgres: Postgres, database_name: str
) -> None:
    """What was said while nobody listened is not lost."""
    with psycopg.connect(postgres.url("postgres", database_name), autocommit=True) as superuser:
        async with waiting(api, desk, device) as (mine,):
            await eventually(lambda: len(listeners(superuser)) == 1)
            command_id = await order_restart(world, device, quietly=True)
            superuser.execute("SELECT pg_terminate_backend(%s)", listeners(superuser)[0])
            assert await asyncio.wait_for(mine, 20) == [command_id]


def listeners(superuser: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return superuser.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    ).fetchall()


async def test_a_process_that_stops_answers_who_waits(
    api: AsyncClient, desk: DeviceDesk, device: DeviceUnderTest
) -> None:
    """At once, and whoever asks then does not wait."""
    async with waiting(api, desk, device) as (mine,):
        desk.doorbell.let_go()
        assert await asyncio.wait_for(mine, 20) == []
        assert await asyncio.wait_for(polled(api, device, wait=60), 20) == []


def test_those_who_wait_equally_long_do_not_come_back_together() -> None:
    """Held up together once, they would be for ever."""
    waits = [not_all_at_once(30) for _ in range(200)]
    assert 27 < min(waits) < 28.5 < max(waits) <= 30
    assert [not_all_at_once(seconds) for seconds in (0, 1, 10)] == [0, 1, 10]


async def test_who_has_gone_away_is_forgotten(api: AsyncClient, desk: DeviceDesk, device: DeviceUnderTest) -> None:
    """Long before its time is over, no trace stays of a device that hung up."""
    has_hung_up = asyncio.Event()
    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if requests:
            return requests.pop()
        await has_hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "server": ("127.0.0.1", 8080),
        "path": "/v1/device/commands",
        "query_string": b"wait=60",
        "client": ("127.0.0.1", 1),
        "headers": [(b"authorization", device.headers["Authorization"].encode())],
    }
    call = asyncio.create_task(app_of(api)(scope, receive, send))
    await eventually(lambda: desk.doorbell.waiting == 1)
    has_hung_up.set()
    await asyncio.wait_for(call, 20)
    assert desk.doorbell.waiting == 0
