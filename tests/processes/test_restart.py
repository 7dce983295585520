"""The restarts of a UTM, from the request to what the device made of it (RST-01…07)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.restart_rows import restarts_of
from api.context import Context
from api.device_input import ResultInput
from api.device_results import deliver_result
from models.device_vocabulary import DeviceCommandState
from models.refusals import WrongState
from models.tables.devices import DeviceCommand, UtmConnection
from models.tables.devices import Restart as Restarts
from models.tables.idempotent_answers import IdempotentAnswer
from models.tables.utms import Utm
from tests.api.test_customers import CUSTOMERS, created
from tests.utm_customers import UTM, contract
from tests.world import TENANT, World, eventually

ALERTS = "alert@minato.example"


@dataclass
class Desk:
    """Staff with one registered UTM, and the device's side of it."""

    api: AsyncClient
    world: World
    context: Context
    staff: dict[str, str]
    url: str

    async def ask(self, when: datetime | str) -> Response:
        when = when if isinstance(when, str) else when.isoformat()
        return await self.api.post(f"{self.url}/restart", json={"when": when}, headers=self.staff)

    async def cancel(self) -> Response:
        return await self.api.delete(f"{self.url}/restart", headers=self.staff)

    async def last(self) -> dict[str, Any]:
        answer = await self.api.get(f"{self.url}/restart-status", headers=self.staff)
        last: dict[str, Any] = answer.json()["last"]
        return last

    async def history(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.api.get(f"{self.url}/restarts", headers=self.staff)).json()["items"]
        return items

    async def slot(self, *, ahead: int = 1) -> datetime:
        now = await self.world.clock.now()
        return datetime.fromtimestamp((now.timestamp() // 900 + ahead) * 900, UTC)

    async def timeline(self) -> list[dict[str, Any]]:
        procedure_id = restarts_of(await self.utm()).procedure_id
        answer = await self.api.get(f"/v1/tenants/{TENANT}/procedures/{procedure_id}", headers=self.staff)
        events: list[dict[str, Any]] = answer.json()["timeline"]
        return events

    async def heartbeat(self) -> None:
        utm, now = await self.utm(), await self.world.clock.now()
        said = {"last_connected_at": now, "version": "1.0", "ip_address": "192.0.2.1"}
        async with self.world.database.transaction(TENANT) as connection:
            await connection.execute(
                insert(UtmConnection)
                .values(tenant_id=TENANT, registration_id=utm.registration_id, **said)
                .on_conflict_do_update(index_elements=["tenant_id", "registration_id"], set_=said)
            )

    async def command(self, command_id: str) -> Row[Any]:
        async with self.world.database.transaction(TENANT) as connection:
            found = await connection.execute(
                select(DeviceCommand.__table__).where(DeviceCommand.command_id == command_id)
            )
            return found.one()

    async def sleep_through(
        self, command_id: str, late: timedelta, *, command: DeviceCommandState = DeviceCommandState.WAITING
    ) -> None:
        """As if its slot had passed so long ago, and everybody had been down over it; the API not, if it is offered."""
        slot = await self.world.clock.now() - late
        offered = {"offer_from": slot, "offer_until": slot + timedelta(minutes=15), "state": command}
        async with self.world.database.transaction(TENANT) as connection:
            await connection.execute(update(Restarts).where(Restarts.restart_id == command_id).values(at=slot))
            await connection.execute(
                update(DeviceCommand).where(DeviceCommand.command_id == command_id).values(offered)
            )
        await self.context.commands.nudge(restarts_of(await self.utm()).procedure_id)

    async def take(self, command_id: str) -> bool:
        """The device is handed the command, if it is on offer to it."""
        now = await self.world.clock.now()
        async with self.world.database.transaction(TENANT) as connection:
            taken = await connection.execute(
                update(DeviceCommand)
                .where(DeviceCommand.command_id == command_id, DeviceCommand.state == DeviceCommandState.WAITING)
                .where(DeviceCommand.offer_from <= now, DeviceCommand.offer_until > now)
                .values(state=DeviceCommandState.OFFERED)
                .returning(DeviceCommand.command_id)
            )
            return taken.first() is not None

    async def report(self, command_id: str, state: DeviceCommandState, detail: str | None = None) -> None:
        result = ResultInput.model_validate({"state": state, "detail": detail})
        await deliver_result(self.context, await self.utm(), await self.command(command_id), result)

    async def utm(self) -> Row[Any]:
        async with self.world.database.transaction(TENANT) as connection:
            found = await connection.execute(
                select(Utm.__table__).where(Utm.utm_id == UTM["utm_id"]).order_by(Utm.created_at.desc()).limit(1)
            )
            row: Row[Any] = found.one()
            return row

    async def eventually(self, state: str) -> dict[str, Any]:
        async def is_there() -> bool:
            return bool((await self.last())["state"] == state)

        await eventually(is_there)
        return await self.last()


@pytest.fixture
async def desk(world: World, api: AsyncClient, context: Context, staff: dict[str, str]) -> Desk:
    customer = await created(api, staff)
    url = f"{CUSTOMERS}/{customer['customer_id']}/utms"
    await contract(world, customer["customer_id"])
    answer = await api.post(url, json=UTM, headers=staff)
    assert answer.status_code == 201, answer.text
    return Desk(api, world, context, staff, f"{url}/{UTM['utm_id']}")


@pytest.mark.requirement("RST-01")
@pytest.mark.requirement("RST-02")
@pytest.mark.requirement("RST-06")
async def test_a_restart_at_once_needs_the_device_and_is_alone(desk: Desk) -> None:
    """Offline it is refused; online it is on offer at once, and refuses a second until the device is back."""
    assert (await desk.last())["state"] == "none"
    refused = await desk.ask("now")
    assert (refused.status_code, refused.json()["code"]) == (409, "utm_offline")
    await desk.heartbeat()
    asked = await desk.ask("now")
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    command_id = asked.json()["restart_id"]
    assert await desk.take(command_id)
    for state, shown in ((DeviceCommandState.STARTED, "in_progress"), (DeviceCommandState.SUCCEEDED, "succeeded")):
        again = await desk.ask("now")
        assert (again.status_code, again.json()["code"]) == (409, "restart_in_progress")
        await desk.report(command_id, state)
        await desk.report(command_id, state)  # a device that was not answered says it again
        assert (await desk.last())["state"] == shown
    assert (await desk.last())["state"] == "succeeded"
    assert (await desk.ask("now")).status_code == 202


@pytest.mark.requirement("RST-05")
async def test_what_nobody_confirms_within_fifteen_minutes_has_failed(desk: Desk) -> None:
    """It says whether the device was there; a late result changes nothing and is told so."""
    await desk.heartbeat()
    command_id = (await desk.ask("now")).json()["restart_id"]
    await desk.world.advance(minutes=14, seconds=59)
    assert (await desk.last())["state"] == "in_progress"
    await desk.world.advance(seconds=2)
    assert (await desk.eventually("failed"))["reason"] == "offline"
    with pytest.raises(WrongState):
        await desk.report(command_id, DeviceCommandState.STARTED)
    assert (await desk.last())["state"] == "failed"
    assert (await desk.timeline())[-1]["text"] == "再起動できませんでした。UTMと通信できません"
    assert desk.world.mails.to(ALERTS) == []  # whoever asks for one at once looks at the status


@pytest.mark.requirement("RST-03")
@pytest.mark.requirement("RST-04")
@pytest.mark.requirement("UTM-05")
async def test_a_schedule_is_replaced_and_cancelled_with_a_mail_each(desk: Desk) -> None:
    """Also while the device is offline; the device never hears of what was taken back."""
    first, second = await desk.slot(), await desk.slot(ahead=40)
    one = (await desk.ask(first)).json()
    two = (await desk.ask(second)).json()
    assert (one["state"], one["replaced_at"], two["state"]) == ("scheduled", None, "scheduled")
    assert datetime.fromisoformat(two["replaced_at"]) == first
    shown = (await desk.api.get(desk.url, headers=desk.staff)).json()
    assert datetime.fromisoformat(shown["scheduled_restart_at"]) == second
    assert (await desk.cancel()).json()["state"] == "cancelled"
    none = await desk.cancel()
    assert (none.status_code, none.json()["state"]) == (409, "none")
    subjects = await desk.world.mails_to(ALERTS, 3)
    assert ["予定" in subject for subject in subjects] == [True, True, True]
    await desk.world.advance(hours=11)
    assert [await desk.take(asked["restart_id"]) for asked in (one, two)] == [False, False]
    assert [item["state"] for item in await desk.history()] == ["cancelled", "replaced"]


@pytest.mark.requirement("RST-05")
@pytest.mark.requirement("RST-07")
async def test_at_its_slot_it_is_on_offer_and_no_longer_cancellable(desk: Desk) -> None:
    """Not a second before."""
    slot = await desk.slot()
    command_id = (await desk.ask(slot)).json()["restart_id"]
    await desk.world.advance_to(slot - timedelta(seconds=1))
    assert not await desk.take(command_id)
    await desk.world.advance_to(slot)
    await desk.eventually("in_progress")
    assert await desk.take(command_id)
    refused = await desk.cancel()
    assert refused.status_code == 409
    assert refused.json()["state"] in ("requested", "none")
    await desk.report(command_id, DeviceCommandState.STARTED)
    await desk.report(command_id, DeviceCommandState.SUCCEEDED)
    assert (await desk.last())["state"] == "succeeded"


@pytest.mark.requirement("RST-05")
@pytest.mark.requirement("RST-06")
async def test_what_a_device_says_of_its_failure_is_shown_mailed_and_kept_out_of_the_log(desk: Desk) -> None:
    """One line of it goes to the customer; the timeline, out of which nothing can be taken, names only the reason."""
    said = "disk 2 is full\n" + ("山田席 " * 100).strip()
    slot = await desk.slot()
    command_id = (await desk.ask(slot)).json()["restart_id"]
    await desk.world.advance_to(slot)
    assert await desk.take(command_id)
    await desk.report(command_id, DeviceCommandState.STARTED)
    await desk.report(command_id, DeviceCommandState.FAILED, said)
    last = await desk.last()
    assert (last["state"], last["reason"], last["detail"]) == ("failed", "device", said)
    assert [item["detail"] for item in await desk.history()] == [said]
    await desk.world.mails_to(ALERTS, 2)
    [line] = [line for line in desk.world.mails.to(ALERTS)[1].text.splitlines() if line.startswith("理由")]
    assert line.startswith("理由：UTMから再起動できないとの連絡がありました（「disk 2 is full 山田席 山田席")
    assert len(line) < 250
    [event] = [event for event in await desk.timeline() if event["what"] == "restart_failed"]
    assert (event["detail"], event["text"]) == ({"reason": "device"}, "再起動できないとUTMから連絡がありました")


@pytest.mark.requirement("RST-04")
async def test_a_device_that_was_faster_than_the_cancellation_wins(desk: Desk) -> None:
    """The command was handed over: the cancellation is refused and the restart goes on."""
    slot = await desk.slot()
    command_id = (await desk.ask(slot)).json()["restart_id"]
    async with desk.world.database.transaction(TENANT) as connection:
        await connection.execute(
            update(DeviceCommand).where(DeviceCommand.command_id == command_id).values(state=DeviceCommandState.OFFERED)
        )
    refused = await desk.cancel()
    assert (refused.status_code, refused.json()["state"]) == (409, "in_progress")
    await desk.report(command_id, DeviceCommandState.STARTED)
    assert (await desk.last())["state"] == "in_progress"


@pytest.mark.requirement("UTM-04")
async def test_a_deleted_device_is_not_restarted(desk: Desk) -> None:
    """Its schedule ends with it, and nobody is told; its timeline says so."""
    command_id = (await desk.ask(await desk.slot())).json()["restart_id"]
    await desk.world.mails_to(ALERTS, 1)
    procedure_id = restarts_of(await desk.utm()).procedure_id
    assert (await desk.api.delete(desk.url, headers=desk.staff)).status_code == 204
    assert (await desk.world.timeline(procedure_id))[-1] == "restarts_ended_with_utm"
    await desk.world.advance(minutes=30)
    assert not await desk.take(command_id)
    assert len(await desk.world.mails_to(ALERTS, 1)) == 1


@pytest.mark.requirement("RST-01")
@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("later", "invalid_instant"),
        ("2026-01-01T00:00:00", "invalid_instant"),
        ("2000-01-01T00:00:00Z", "in_the_past"),
        ("2100-01-01T00:00:00Z", "too_far_ahead"),
        (None, "required"),
    ],
)
async def test_a_wrong_time_is_refused_by_name(desk: Desk, when: str | None, code: str) -> None:
    answer = await desk.api.post(f"{desk.url}/restart", json={"when": when}, headers=desk.staff)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("when", code)


@pytest.mark.requirement("GEN-03", "RST-02")
async def test_a_repeated_request_gets_its_first_answer_also_when_its_slot_has_passed(desk: Desk) -> None:
    """Its answer was lost on the way to the client, with the API that had given it."""
    headers = desk.staff | {"Idempotency-Key": "lost"}
    body = {"when": (await desk.slot()).isoformat()}
    first = await desk.api.post(f"{desk.url}/restart", json=body, headers=headers)
    async with desk.world.database.transaction() as connection:
        await connection.execute(delete(IdempotentAnswer))
    await desk.world.advance(minutes=16)
    again = await desk.api.post(f"{desk.url}/restart", json=body, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())


@pytest.mark.requirement("RST-07")
@pytest.mark.parametrize(
    ("late", "state"),
    [(timedelta(minutes=59, seconds=50), "in_progress"), (timedelta(minutes=60, seconds=1), "missed")],
)
async def test_a_slot_that_passed_while_the_system_was_down_starts_late_or_is_missed(
    desk: Desk, late: timedelta, state: str
) -> None:
    """At most an hour late it begins, on offer for its whole quarter of an hour; later the customer is told instead."""
    command_id = (await desk.ask(await desk.slot())).json()["restart_id"]
    await desk.world.mails_to(ALERTS, 1)
    await desk.sleep_through(command_id, late)
    await desk.eventually(state)
    subjects = await desk.world.mails_to(ALERTS, 1 if state == "in_progress" else 2)
    assert any("できませんでした" in subject for subject in subjects) == (state == "missed")
    assert await desk.take(command_id) == (state == "in_progress")
    if state == "in_progress":
        await desk.world.advance(minutes=14, seconds=50)
        assert (await desk.last())["state"] == "in_progress"
        await desk.world.advance(seconds=20)
        assert (await desk.eventually("failed"))["reason"] == "offline"
        assert "失敗しました" in (await desk.world.mails_to(ALERTS, 2))[1]


@pytest.mark.requirement("RST-07")
async def test_what_the_device_was_handed_and_has_not_begun_is_missed_too(desk: Desk) -> None:
    """Only the worker was away, so nobody answered its word that it begins; hours later it is told to forget it."""
    command_id = (await desk.ask(await desk.slot())).json()["restart_id"]
    await desk.world.mails_to(ALERTS, 1)
    await desk.sleep_through(command_id, timedelta(hours=3), command=DeviceCommandState.OFFERED)
    await desk.eventually("missed")
    with pytest.raises(WrongState):
        await desk.report(command_id, DeviceCommandState.STARTED)
    assert (await desk.last())["state"] == "missed"
    assert "できませんでした" in (await desk.world.mails_to(ALERTS, 2))[1]


@pytest.mark.requirement("GEN-08")
async def test_an_operator_ends_what_is_scheduled_and_the_next_request_begins_anew(desk: Desk) -> None:
    await desk.ask(await desk.slot())
    procedure_id = restarts_of(await desk.utm()).procedure_id
    handle = desk.world.client.get_workflow_handle(procedure_id)
    await handle.cancel()
    await handle.result()
    assert "restarts_ended" in await desk.world.timeline(procedure_id)
    assert [restart["state"] for restart in await desk.history()] == ["cancelled"]
    assert (await desk.ask(await desk.slot())).json()["state"] == "scheduled"
