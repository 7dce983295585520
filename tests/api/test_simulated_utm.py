"""The simulated UTM against the real device API (UTM-07)."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from local.simulated_utm import Failure, Habits, SimulatedUtm
from local.utm_memory import Deed, Memory
from tests.devices import DeviceUnderTest, make_devices
from tests.support_desk import DESK, Desk
from tests.world import World, eventually

pytestmark = pytest.mark.requirement("UTM-07")


def simulated(api: AsyncClient, device: DeviceUnderTest, memory: Memory, failure: Failure | None) -> SimulatedUtm:
    habits = Habits(heartbeat_every=0.2, wait=5, restart=0.2, delay=0.3, failure=failure)
    return SimulatedUtm(device.utm_id, device.token, api, habits, memory)


@asynccontextmanager
async def alive(*devices: SimulatedUtm) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(device.live()) for device in devices]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def connection(api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest) -> str:
    return str((await api.get(device.url, headers=staff)).json()["connection"])


async def last(api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest) -> Any:
    return (await api.get(f"{device.url}/restart-status", headers=staff)).json()["last"]["state"]


async def asked(api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest) -> None:
    answer = await api.post(f"{device.url}/restart", json={"when": "now"}, headers=staff)
    assert answer.status_code == 202, answer.text


@pytest.mark.requirement("RST-02")
async def test_devices_restart_once_each_in_their_own_way(
    api: AsyncClient, staff: dict[str, str], world: World, tmp_path: Path
) -> None:
    """One as it should, one slowly, one saying all twice, one that never says how it ended, one that hears nothing."""
    ways: list[Failure | None] = [None, Failure.SLOW, Failure.TWICE, Failure.CRASH, Failure.DEAF]
    devices = await make_devices(world.database, await world.clock.now(), len(ways))
    file = tmp_path / "memory"
    memory = Memory(file)
    async with alive(*(simulated(api, *one) for one in zip(devices, [memory] * len(ways), ways, strict=True))):
        for device in devices:
            await eventually(partial(is_online, api, staff, device))
            await asked(api, staff, device)
        ends = ["succeeded", "succeeded", "succeeded", "in_progress", "in_progress"]
        for device, end in zip(devices, ends, strict=True):
            await eventually(partial(is_last, api, staff, device, end), patience=30)
        await eventually(lambda: deeds(file, Deed.REPORTED) == sorted(device.utm_id for device in devices[:4]))
    assert deeds(file, Deed.RESTARTED) == sorted(device.utm_id for device in devices[:4])


async def test_what_it_was_at_when_it_was_killed_it_goes_on_with(
    api: AsyncClient, staff: dict[str, str], world: World, tmp_path: Path
) -> None:
    """Killed while it was down, it does not restart again, and says that it is back."""
    [device] = await make_devices(world.database, await world.clock.now())
    file = tmp_path / "memory"
    habits = Habits(heartbeat_every=0.2, wait=5, restart=60)
    async with alive(SimulatedUtm(device.utm_id, device.token, api, habits, Memory(file))):
        await eventually(lambda: is_online(api, staff, device))
        await asked(api, staff, device)
        await eventually(lambda: deeds(file, Deed.RESTARTED) != [])
    async with alive(simulated(api, device, Memory(file), None)):
        await eventually(lambda: deeds(file, Deed.REPORTED) == [device.utm_id])
    assert await last(api, staff, device) == "succeeded"
    assert deeds(file, Deed.RESTARTED) == [device.utm_id]


@pytest.mark.requirement("RSA-03", "RSA-05")
async def test_it_opens_and_closes_a_remote_support_session(support_desk: Desk, tmp_path: Path) -> None:
    """Its own id and password reach the desk; a second process of it goes on where the first was killed."""
    desk, file = support_desk, tmp_path / "memory"
    request_id = await desk.asked()
    async with alive(simulated(desk.api, desk.device, Memory(file), None)):
        await desk.approve()
        await desk.becomes(request_id, "running")
        told = await desk.mail(DESK, "リモートサポートを開始しました")
        assert re.search(r"セッションID：\d{9}\s+パスワード：[a-z2-9]{12}\s", told.text)
    Memory(file).note(desk.device.utm_id, f"{request_id}-stop-1", Deed.STOP_TAKEN)
    await desk.tell(request_id, "end")
    async with alive(simulated(desk.api, desk.device, Memory(file), None)):
        await eventually(lambda: len(deeds(file, Deed.REPORTED)) == 2)
    assert (await desk.read(request_id))["stopped_at"] is not None
    assert [len(deeds(file, deed)) for deed in (Deed.SESSION_OPENED, Deed.SESSION_CLOSED)] == [1, 1]


async def test_with_a_wrong_token_it_was_never_connected(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    [device] = await make_devices(world.database, await world.clock.now())
    stranger = simulated(api, device, Memory(), Failure.WRONG_TOKEN)
    await stranger.heartbeat()
    assert await connection(api, staff, device) == "never_connected"


async def is_online(api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest) -> bool:
    return await connection(api, staff, device) == "online"


async def is_last(api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest, state: str) -> bool:
    return bool(await last(api, staff, device) == state)


def deeds(file: Path, deed: Deed) -> list[str]:
    """Who did it, as often as it was done."""
    told = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return sorted(one["device"] for one in told if one["deed"] == deed)
