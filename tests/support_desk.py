"""The support desk, a customer's administrators and their device, as tests of remote support speak of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import ColumnElement, select, update

from api.app import create_app
from api.context import Context
from models.identifiers import REMOTE_SUPPORT_NUMBER
from models.tables.devices import DeviceCommand, RemoteSupport
from models.tables.utms import Utm
from tests.devices import DeviceUnderTest, make_devices
from tests.page_reader import hidden
from tests.world import TENANT, World, eventually

TARO, HANAKO = "taro@minato.example", "hanako@minato.example"
DESK = "desk@support.example"
URL = "/v1/support/remote-support"
CREDENTIALS = {"session_id": "483-920-117", "password": "C4nary<&>\"'Pa55"}


@dataclass
class Desk:
    """The support desk, a customer with two administrators, and its device."""

    api: AsyncClient
    world: World
    context: Context
    operator: dict[str, str]
    device: DeviceUnderTest
    times_asked: int = 0

    async def ask(self, **given: object) -> Response:
        body = {"utm_id": self.device.utm_id, "reason": "通信が遅い", "desk_operator": "佐藤 花子"} | given
        return await self.api.post(URL, json=body, headers=self.operator)

    async def asked(self) -> str:
        answer = await self.ask()
        assert (answer.status_code, answer.json()["state"]) == (201, "awaiting_approval"), answer.text
        self.times_asked += 1
        request_id = str(answer.json()["request_id"])
        assert REMOTE_SUPPORT_NUMBER.fullmatch(request_id)
        return request_id

    async def read(self, request_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.get(f"{URL}/{request_id}", headers=self.operator)).json()
        return found

    async def tell(self, request_id: str, command: str) -> Response:
        return await self.api.post(f"{URL}/{request_id}/{command}", headers=self.operator)

    async def link(self) -> str:
        """Of the latest request, which has been mailed then."""

        def requests() -> list[str]:
            return [mail.token for mail in self.world.mails.to(TARO) if "承認のお願い：" in mail.subject]

        await eventually(lambda: len(requests()) == self.times_asked)
        return f"/links/{requests()[-1]}"

    async def approve(self, decision: str = "approve") -> Response:
        link = await self.link()
        return await self.api.post(link, data=hidden(await self.api.get(link)) | {"decision": decision})

    async def command(self, wait: int = 5) -> dict[str, Any] | None:
        """What the device is told, if anything within that many seconds."""
        answer = await self.api.get(f"/v1/device/commands?wait={wait}", headers=self.device.headers)
        commands: list[dict[str, Any]] = answer.json()["commands"]
        return commands[0] if commands else None

    async def result(self, command_id: str, state: str, **given: str) -> Response:
        url = f"/v1/device/commands/{command_id}/result"
        return await self.api.post(url, json={"state": state, **given}, headers=self.device.headers)

    async def running(self) -> str:
        """A session that has been asked for, approved and begun."""
        request_id = await self.asked()
        await self.approve()
        command = await self.command()
        assert command is not None
        assert command["kind"] == "remote_support_start"
        assert (await self.result(command["command_id"], "started")).status_code == 200
        assert (await self.result(command["command_id"], "succeeded", **CREDENTIALS)).status_code == 200
        assert (await self.read(request_id))["state"] == "running"
        return request_id

    async def stopped(self) -> None:
        """The device hears that it is to stop, and does."""
        command = await self.command()
        assert command is not None
        assert command["kind"] == "remote_support_stop"
        assert (await self.result(command["command_id"], "succeeded")).status_code == 200

    async def mail(self, address: str, words: str) -> Any:
        """The last one whose subject has these words."""

        def found() -> list[Any]:
            return [mail for mail in self.world.mails.to(address) if words in mail.subject]

        await eventually(lambda: bool(found()))
        return found()[-1]

    async def order(self, command_id: str) -> Any:
        """As it stands in the database now."""
        return await self._row(DeviceCommand, DeviceCommand.command_id == command_id)

    async def utm(self) -> Any:
        return await self._row(Utm, Utm.utm_id == self.device.utm_id)

    async def _row(self, table: type[DeviceCommand] | type[Utm], is_it: ColumnElement[bool]) -> Any:
        async with self.world.database.transaction(TENANT) as connection:
            return (await connection.execute(select(table.__table__).where(is_it))).one()

    async def credentials(self) -> list[bytes | None]:
        async with self.world.database.transaction(TENANT) as connection:
            return list((await connection.execute(select(RemoteSupport.credentials))).scalars())

    async def becomes(self, request_id: str, state: str) -> dict[str, Any]:
        async def is_so() -> bool:
            return bool((await self.read(request_id))["state"] == state)

        await eventually(is_so)
        return await self.read(request_id)

    async def remove(self, address: str, staff: dict[str, str]) -> None:
        """From the company's administrators."""
        url = f"/v1/tenants/{TENANT}/customers/{self.device.customer_id}/administrators"
        listed = (await self.api.get(url, headers=staff)).json()["items"]
        [one] = [known["administrator_id"] for known in listed if known["mail_address"] == address]
        assert (await self.api.delete(f"{url}/{one}", headers=staff)).status_code == 204

    async def over(self, request_id: str) -> None:
        """Its procedure has ended, once no mail is leased any more."""
        await self.world.advance(seconds=21)

        async def has_ended() -> bool:
            begun = await self.context.commands.find(f"remote-support-{TENANT}-{request_id}")
            return begun is not None and begun.ended_at is not None

        await eventually(has_ended)


@pytest.fixture
async def support_desk(
    world: World, api: AsyncClient, context: Context, staff: dict[str, str], operator: dict[str, str]
) -> Desk:
    [device] = await make_devices(world.database, await world.clock.now())
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Utm).values(name="本社 1階", service_desk_addresses=[DESK]))
    url = f"/v1/tenants/{TENANT}/customers/{device.customer_id}/administrators"
    for name, address in (("山田 太郎", TARO), ("鈴木 花子", HANAKO)):
        assert (await api.post(url, json={"name": name, "mail_address": address}, headers=staff)).status_code == 201
    return Desk(api, world, context, operator, device)


@pytest.fixture
async def support_desk_in_earnest(support_desk: Desk) -> AsyncIterator[Desk]:
    """With the limits that hold outside of rehearsals."""
    earnest = support_desk.context.settings.model_copy(update={"rehearsal": False})
    transport = ASGITransport(app=create_app(replace(support_desk.context, settings=earnest)))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as api:
        yield replace(support_desk, api=api)
