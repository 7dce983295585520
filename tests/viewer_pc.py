"""A viewer program on a PC, and the administrator of its company, as tests of viewer access speak of them."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select, update

from api.context import Context
from models.identifiers import VIEWER_REQUEST_NUMBER
from models.tables.utms import Utm
from models.tables.viewers import Viewer
from tests.devices import make_devices
from tests.page_reader import hidden
from tests.world import TENANT, World, eventually

JIRO, TARO = "jiro@minato.example", "taro@minato.example"
URL = "/v1/viewer/requests"
FINGERPRINT = "pc-fingerprint-1"
TOKEN = re.compile(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}")
_PERSON = {"name": "閲覧 次郎", "department": "営業部", "pc_name": "EIGYO-PC-03"}


@dataclass
class ViewerPc:
    """One PC, whose company has an administrator and a UTM."""

    api: AsyncClient
    world: World
    context: Context
    staff: dict[str, str]
    customer_id: str

    @property
    def viewers_url(self) -> str:
        return f"/v1/tenants/{TENANT}/customers/{self.customer_id}/viewers"

    async def ask(self, **given: str) -> Response:
        asked = {"company_code": self.customer_id, "mail_address": JIRO, "pc_fingerprint": FINGERPRINT}
        return await self.api.post(URL, json=_PERSON | asked | given)

    async def asked(self) -> str:
        """The request's number, once the administrator has its mail."""
        before = len(self.world.mails.to(TARO))
        answer = await self.ask()
        assert answer.status_code == 202, answer.text
        await self.world.mails_to(TARO, before + 1)
        request_id = str(answer.json()["request_id"])
        assert VIEWER_REQUEST_NUMBER.fullmatch(request_id)
        return request_id

    async def decide(self, decision: str, **reason: str) -> Response:
        link = f"/links/{self.world.mails.to(TARO)[-1].token}"
        return await self.api.post(link, data=hidden(await self.api.get(link)) | {"decision": decision} | reason)

    async def approved(self) -> tuple[str, str]:
        """A request's number, and the token that was mailed for it."""
        before = len(self.world.mails.to(JIRO))
        request_id = await self.asked()
        await self.decide("approve")
        await self.world.mails_to(JIRO, before + 1)
        found = TOKEN.search(self.world.mails.to(JIRO)[-1].text)
        assert found
        return request_id, found.group()

    async def enter(self, request_id: str, token: str, *, pc: str = FINGERPRINT, key: str | None = None) -> Response:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"token": token, "pc_fingerprint": pc}
        return await self.api.post(f"{URL}/{request_id}/token", json=body, headers=headers)

    async def refusal(self, request_id: str, token: str, *, pc: str = FINGERPRINT) -> tuple[int, str]:
        """Status and code, or the field's code."""
        answer = await self.enter(request_id, token, pc=pc)
        problem = answer.json()
        return answer.status_code, (problem.get("errors") or [problem])[0].get("code", "")

    async def allowed(self) -> tuple[str, str]:
        """A request's number, and the credential that came of it."""
        request_id, token = await self.approved()
        answer = await self.enter(request_id, token)
        assert answer.status_code == 200, answer.text
        return request_id, str(answer.json()["credential"])

    async def read(self, credential: str, pc: str = FINGERPRINT) -> Response:
        headers = {"Authorization": f"Bearer {credential}", "X-PC-Fingerprint": pc}
        return await self.api.get("/v1/viewer/data", headers=headers)

    async def withdraw(self, request_id: str, pc: str = FINGERPRINT) -> Response:
        return await self.api.request("DELETE", f"{URL}/{request_id}", json={"pc_fingerprint": pc})

    async def row(self, request_id: str) -> Any:
        async with self.world.database.transaction(TENANT) as connection:
            found = await connection.execute(select(Viewer.__table__).where(Viewer.viewer_id == request_id))
            return found.first()

    async def becomes(self, request_id: str, state: str) -> None:
        async def is_so() -> bool:
            row = await self.row(request_id)
            return row is not None and row.state == state

        await eventually(is_so)


@pytest.fixture
async def viewer_pc(world: World, api: AsyncClient, context: Context, staff: dict[str, str]) -> ViewerPc:
    [device] = await make_devices(world.database, await world.clock.now())
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Utm).values(name="本社 1階"))
    url = f"/v1/tenants/{TENANT}/customers/{device.customer_id}/administrators"
    administrator = {"name": "山田 太郎", "mail_address": TARO}
    assert (await api.post(url, json=administrator, headers=staff)).status_code == 201
    return ViewerPc(api, world, context, staff, device.customer_id)
