"""What UTMs say and ask of themselves over HTTP: heartbeats, tokens, and results (UTM-04 to UTM-06)."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from pydantic import ValidationError
from sqlalchemy import update

from api.app import create_app
from api.context import Context
from api.device_input import HeartbeatInput
from api.idempotency import REPLAYED
from api.utms import new_device_token
from models.identifiers import secret_token
from models.tables.utms import Utm
from settings import RateLimits
from tests.devices import DeviceUnderTest, command_state, connections, make_devices
from tests.support_desk import CREDENTIALS
from tests.world import TENANT, World, make_tenant

OTHER = "T9000000"
HEARTBEAT = {"version": "10.1.0", "ip_address": "192.0.2.1"}


@pytest.fixture
async def device(world: World) -> DeviceUnderTest:
    [device] = await make_devices(world.database, await world.clock.now())
    return device


async def heartbeat(api: AsyncClient, device: DeviceUnderTest, **fields: Any) -> Response:
    return await api.post("/v1/device/heartbeat", json={**HEARTBEAT, **fields}, headers=device.headers)


async def report(api: AsyncClient, device: DeviceUnderTest, command_id: str, **fields: Any) -> Response:
    url = f"/v1/device/commands/{command_id}/result"
    return await api.post(url, json={"state": "started", **fields}, headers=device.headers)


@pytest.mark.requirement("UTM-05", "UTM-06")
async def test_a_device_is_online_until_five_minutes_of_silence(
    api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest, world: World
) -> None:
    """Before the first heartbeat it was never connected; the list says the same as the detail."""

    async def shown() -> Any:
        detail = (await api.get(device.url, headers=staff)).json()
        [item] = (await api.get(device.url.rpartition("/")[0], headers=staff)).json()["items"]
        assert item["connection"] == detail["connection"]
        return detail

    never = await shown()
    assert (never["connection"], never["last_connected_at"], never["version"]) == ("never_connected", None, None)
    answer = await heartbeat(api, device)
    assert (answer.status_code, list(answer.json())) == (200, ["now"])
    heard = await shown()
    assert (heard["connection"], heard["version"], heard["ip_address"]) == ("online", "10.1.0", "192.0.2.1")
    assert heard["last_connected_at"] == answer.json()["now"]
    await world.advance(minutes=4, seconds=50)
    assert (await shown())["connection"] == "online"
    await world.advance(seconds=10)
    assert (await shown())["connection"] == "offline"
    await heartbeat(api, device, version="10.2.0")
    back = await shown()
    assert (back["connection"], back["version"]) == ("online", "10.2.0")


@pytest.mark.requirement("GEN-03", "UTM-06")
async def test_a_heartbeat_with_a_key_is_answered_as_the_first_time(
    api: AsyncClient, device: DeviceUnderTest, world: World
) -> None:
    """Devices need none, but one that is sent is what it is everywhere: its own device's, and this body's."""
    [other] = await make_devices(world.database, await world.clock.now())
    keyed = device.headers | {"Idempotency-Key": "1"}
    first = await api.post("/v1/device/heartbeat", json=HEARTBEAT, headers=keyed)
    await world.advance(minutes=1)
    again = await api.post("/v1/device/heartbeat", json=HEARTBEAT, headers=keyed)
    assert (again.json(), again.headers[REPLAYED]) == (first.json(), "true")
    changed = await api.post("/v1/device/heartbeat", json={**HEARTBEAT, "version": "11"}, headers=keyed)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")
    assert (await heartbeat(api, device)).json()["now"] > first.json()["now"]
    others = await api.post("/v1/device/heartbeat", json=HEARTBEAT, headers=other.headers | {"Idempotency-Key": "1"})
    assert REPLAYED not in others.headers


@pytest.mark.requirement("UTM-06")
async def test_a_device_that_tells_its_time_learns_how_wrong_it_is(
    api: AsyncClient, device: DeviceUnderTest, world: World
) -> None:
    """Ahead is positive. Nothing else goes by the device's clock."""
    ahead = (await world.clock.now() + timedelta(minutes=2)).isoformat()
    answer = (await heartbeat(api, device, device_time=ahead)).json()
    assert 110 < answer["clock_skew_seconds"] <= 120


@pytest.mark.requirement("UTM-06", "GEN-05", "GEN-07")
async def test_a_token_that_is_no_devices_is_refused_alike(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str], device: DeviceUnderTest, world: World
) -> None:
    """Unknown, with another tenant's name, none at all: 401 in the same words. People and the operator: 403."""
    of_nobody = [new_device_token(TENANT), new_device_token("T7654321"), device.token.replace(TENANT, OTHER), "tzd_x"]
    routes: list[tuple[str, str, Any]] = [
        ("POST", "heartbeat", HEARTBEAT),
        ("GET", "commands", None),
        ("POST", "commands/x/result", {"state": "started"}),
    ]
    for method, path, body in routes:

        async def answer(headers: dict[str, str], method: str = method, path: str = path, body: Any = body) -> Response:
            return await api.request(method, f"/v1/device/{path}", json=body, headers=headers)

        refused = [await answer({"Authorization": f"Bearer {token}"}) for token in of_nobody]
        refused.append(await answer({}))
        assert {(one.status_code, one.text) for one in refused} == {(401, refused[0].text)}
        assert [(await answer(known)).status_code for known in (staff, operator)] == [403, 403]
    assert await connections(world.database) == []


@pytest.mark.requirement("UTM-04", "UTM-06")
async def test_a_rotated_token_and_a_deleted_devices_are_dead_at_once(
    api: AsyncClient, staff: dict[str, str], device: DeviceUnderTest
) -> None:
    """At every route; the new token works."""
    rotated = await api.post(f"{device.url}/rotate-token", json={}, headers=staff)
    renewed = dataclasses.replace(device, token=rotated.json()["device_token"])
    for token, status in ((device, 401), (renewed, 200)):
        assert (await heartbeat(api, token)).status_code == status
        assert (await api.get("/v1/device/commands", headers=token.headers)).status_code == status
    assert (await api.delete(device.url, headers=staff)).status_code == 204
    assert (await heartbeat(api, renewed)).status_code == 401
    assert (await api.get("/v1/device/commands", headers=renewed.headers)).status_code == 401
    assert (await report(api, renewed, "x")).status_code == 401


@pytest.mark.requirement("UTM-06", "GEN-05")
async def test_heartbeats_of_many_devices_at_once_are_each_written_for_their_own(
    api: AsyncClient, world: World
) -> None:
    """Of two tenants, twice from each device, with strangers between them: everybody is answered for themselves."""
    now = await world.clock.now()
    await make_tenant(world.database, OTHER, now)
    ours = await make_devices(world.database, now, 30)
    theirs = await make_devices(world.database, now, 30, tenant_id=OTHER)
    strangers = [dataclasses.replace(device, token=new_device_token(device.tenant_id)) for device in ours[:5]]
    beats = [
        heartbeat(api, device, version=f"{time}-{device.utm_id}")
        for device in (*ours, *strangers, *theirs)
        for time in (1, 2)
    ]
    statuses = [answer.status_code for answer in await asyncio.gather(*beats)]
    assert statuses == [200] * 60 + [401] * 10 + [200] * 60
    for tenant_id, devices in ((TENANT, ours), (OTHER, theirs)):
        expected = {(device.registration_id, f"2-{device.utm_id}", "192.0.2.1") for device in devices}
        assert set(await connections(world.database, tenant_id)) == expected


@pytest.mark.requirement("UTM-06", "GEN-07")
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("version", "v" * 64, "v" * 64),
        ("version", "v" * 65, "string_too_long"),
        ("version", "", "string_too_short"),
        ("version", "1\n2", "invalid_characters"),
        ("ip_address", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("ip_address", "192.0.2.256", "invalid_ip_address"),
        ("ip_address", "fe80::1%eth0", "invalid_ip_address"),
        ("ip_address", "", "string_too_short"),
        ("device_time", "2026-11-21T09:00:00", "timezone_aware"),
        ("uptime", 5, "extra_forbidden"),
    ],
)
def test_what_a_heartbeat_may_say(field: str, value: Any, expected: str) -> None:
    """Both sides of each limit."""
    assert outcome({**HEARTBEAT, field: value}, field) == expected


def outcome(sent: dict[str, Any], field: str) -> str:
    """What the field became, or why it was refused."""
    try:
        return str(getattr(HeartbeatInput(**sent), field))
    except ValidationError as refused:
        return " ".join(error["type"] for error in refused.errors())


@pytest.mark.requirement("UTM-06", "GEN-05")
async def test_a_result_is_the_devices_own_and_counts_once(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Another device's command is not there; the same report again is answered alike, one after the end refused."""
    device, neighbour = await make_devices(world.database, await world.clock.now(), 2)
    await heartbeat(api, device)
    asked = await api.post(f"{device.url}/restart", json={"when": "now"}, headers=staff)
    assert asked.status_code == 202, asked.text
    [command] = (await api.get("/v1/device/commands", headers=device.headers)).json()["commands"]
    command_id = command["command_id"]
    assert (command["kind"], sorted(command)) == ("restart", ["command_id", "issued_at", "kind"])
    for stranger, of in ((neighbour, command_id), (device, secret_token())):
        assert (await report(api, stranger, of)).status_code == 404
    assert (await report(api, device, command_id, state="done")).status_code == 422
    assert (await report(api, device, command_id, detail="長" * 1001)).status_code == 422
    assert await command_state(world, device, command_id) == "offered"
    for state in ("started", "succeeded"):
        first, again = [await report(api, device, command_id, state=state, detail="長" * 1000) for _ in range(2)]
        assert (first.status_code, first.json()) == (200, {"command_id": command_id, "state": state})
        assert (again.status_code, again.json()) == (200, first.json())
        assert await command_state(world, device, command_id) == state
    status = (await api.get(f"{device.url}/restart-status", headers=staff)).json()
    assert status["last"]["state"] == "succeeded"
    late = await report(api, device, command_id, state="failed")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


@pytest.mark.requirement("UTM-06", "GEN-03")
async def test_a_result_with_a_key_is_answered_as_the_first_time(
    api: AsyncClient, device: DeviceUnderTest, staff: dict[str, str]
) -> None:
    await heartbeat(api, device)
    await api.post(f"{device.url}/restart", json={"when": "now"}, headers=staff)
    [command] = (await api.get("/v1/device/commands", headers=device.headers)).json()["commands"]
    url, keyed = f"/v1/device/commands/{command['command_id']}/result", device.headers | {"Idempotency-Key": "1"}
    first = await api.post(url, json={"state": "started"}, headers=keyed)
    assert first.status_code == 200, first.text
    again = await api.post(url, json={"state": "started"}, headers=keyed)
    assert (again.json(), again.headers[REPLAYED]) == (first.json(), "true")
    changed = await api.post(url, json={"state": "failed"}, headers=keyed)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.requirement("UTM-04", "GEN-03")
async def test_a_device_that_bears_the_id_of_one_that_was_deleted_has_keys_of_its_own(
    api: AsyncClient, device: DeviceUnderTest, world: World
) -> None:
    url, keyed = "/v1/device/remote-support", {"Idempotency-Key": "1"}
    before = await api.post(url, json=CREDENTIALS, headers=device.headers | keyed)
    assert before.status_code == 201, before.text
    [successor] = await make_devices(world.database, await world.clock.now())
    now = await world.clock.now()
    async with world.database.transaction(TENANT) as connection:
        for one, values in ((device, {"deleted_at": now}), (successor, {"utm_id": device.utm_id})):
            mine = Utm.registration_id == one.registration_id
            await connection.execute(update(Utm).where(mine).values(values))
    begun = await api.post(url, json=CREDENTIALS, headers=successor.headers | keyed)
    assert begun.status_code == 201, begun.text
    assert begun.json()["request_id"] != before.json()["request_id"]


@pytest.mark.requirement("UTM-06")
async def test_a_device_that_asks_too_often_is_limited_and_no_other(context: Context, world: World) -> None:
    """By its token: devices behind one address do not share a limit."""
    device, other = await make_devices(world.database, await world.clock.now(), 2)
    limits = RateLimits(heartbeat_per_device="2/minute", poll_per_device="1/minute")
    earnest = context.settings.model_copy(update={"rehearsal": False, "rate_limits": limits})
    transport = ASGITransport(app=create_app(dataclasses.replace(context, settings=earnest)))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as api:
        beats = [await heartbeat(api, device) for _ in range(3)]
        polls = [await api.get("/v1/device/commands", headers=device.headers) for _ in range(2)]
        assert [one.status_code for one in (*beats, *polls)] == [200, 200, 429, 200, 429]
        assert int(beats[-1].headers["Retry-After"]) > 0
        assert (await heartbeat(api, other)).status_code == 200
