"""Deletions and reports that command several procedures: what is given up halfway is whole once it is repeated."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import Select, select

from api.app import create_app
from api.commands import Commands
from api.context import Context
from models.tables.applications import UtmAddition
from models.tables.devices import RemoteSupport
from models.tables.people import Person, PortalUser
from models.tables.procedures import Mail
from models.tables.utms import Utm
from models.tables.viewers import Viewer
from tests.accounts import ADDRESS
from tests.additions import make_company
from tests.api.test_customers import CUSTOMERS
from tests.support_desk import CREDENTIALS, DESK, Desk
from tests.world import TENANT, World, eventually

PATIENCE = timedelta(seconds=2)
BY_HAND = "/v1/device/remote-support"
ASKING = {
    "name": "閲覧 次郎",
    "mail_address": "jiro@minato.example",
    "pc_name": "EIGYO-PC-03",
    "pc_fingerprint": "pc-fingerprint-1",
}
INVITED = {"last_name": "佐藤", "first_name": "次郎", "mail_address": "invited@minato.example"}


@pytest.fixture
async def hurried(context: Context, world: World) -> AsyncIterator[AsyncClient]:
    """The API as it is when a procedure takes longer than it waits."""
    commands = Commands(world.client, world.task_queue, PATIENCE)
    transport = ASGITransport(app=create_app(replace(context, commands=commands)), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


def is_to_be_repeated(answer: Response) -> bool:
    told = (answer.status_code, answer.json().get("code"), "Retry-After" in answer.headers)
    assert told == (503, "unavailable", True), answer.text
    return True


async def rows(world: World, table: Any) -> list[Any]:
    async with world.database.transaction(TENANT) as connection:
        return list((await connection.execute(select(table.__table__))).all())


@pytest.mark.requirement("CUS-05", "GEN-02")
@pytest.mark.parametrize(
    "busy",
    [
        select(UtmAddition.application_number),
        select(Viewer.viewer_id),
        select(PortalUser.user_id).where(PortalUser.person_id.is_(None)),
    ],
    ids=["application", "viewer", "signup"],
)
async def test_a_customers_deletion_that_is_given_up_halfway_is_whole_when_it_is_repeated(
    api: AsyncClient, hurried: AsyncClient, staff: dict[str, str], world: World, busy: Select[str]
) -> None:
    """One of what ends with it does not end in time: 503, the company stays, and nobody is forgotten halfway."""
    company = await make_company(api, world)
    url = f"{CUSTOMERS}/{company.customer_id}"
    await company.asked()
    assert (await api.post(f"{url}/users", json=INVITED, headers=staff)).status_code == 201
    assert (await api.post("/v1/viewer/requests", json=ASKING | {"company_code": company.customer_id})).is_success

    async def is_asked() -> bool:
        return bool(await rows(world, Viewer))

    await eventually(is_asked)
    async with world.database.transaction(TENANT) as holding:
        await holding.execute(busy.with_for_update())
        assert is_to_be_repeated(await hurried.delete(url, headers=staff))
        assert (await api.get(url, headers=staff)).status_code == 200
    deleted = await api.delete(url, headers=staff)
    assert deleted.status_code == 204, deleted.text
    assert [row.state for row in await rows(world, UtmAddition)] == ["ended"]
    assert [row.state for row in await rows(world, Viewer)] == ["revoked"]
    assert await rows(world, PortalUser) == []
    assert INVITED["mail_address"] not in {row.recipient for row in await rows(world, Mail)}
    async with world.database.transaction() as connection:
        known = set((await connection.execute(select(Person.mail_address))).scalars())
    assert ADDRESS not in known


@pytest.mark.requirement("UTM-04", "GEN-02")
async def test_a_utms_deletion_that_is_given_up_halfway_is_whole_when_it_is_repeated(
    support_desk: Desk, hurried: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Its session does not end in time."""
    await support_desk.running()
    url = support_desk.device.url
    async with world.database.transaction(TENANT) as holding:
        await holding.execute(select(RemoteSupport.request_id).with_for_update())
        assert is_to_be_repeated(await hurried.delete(url, headers=staff))
    assert (await support_desk.api.get(url, headers=staff)).status_code == 200
    deleted = await support_desk.api.delete(url, headers=staff)
    assert deleted.status_code == 204, deleted.text
    assert [row.state for row in await rows(world, RemoteSupport)] == ["ended"]
    assert (await support_desk.api.get(url, headers=staff)).status_code == 404


@pytest.mark.requirement("RSA-04", "RSA-06", "GEN-02")
@pytest.mark.parametrize("key", [{"Idempotency-Key": "by-hand"}, {}])
async def test_what_a_session_begun_at_the_device_is_called_is_not_lost_when_it_begins_late(
    support_desk: Desk, hurried: AsyncClient, world: World, key: dict[str, str]
) -> None:
    """The device reports again, with a key or without one, and it is the same session."""
    headers = support_desk.device.headers | key
    async with world.database.transaction(TENANT) as holding:
        await holding.execute(select(Utm.registration_id).with_for_update())
        assert is_to_be_repeated(await hurried.post(BY_HAND, json=CREDENTIALS, headers=headers))

    async def has_begun() -> bool:
        return [row.state for row in await rows(world, RemoteSupport)] == ["starting"]

    await eventually(has_begun)
    again = await support_desk.api.post(BY_HAND, json=CREDENTIALS, headers=headers)
    assert (again.status_code, again.json()["state"]) == (201, "running"), again.text
    [session] = await rows(world, RemoteSupport)
    assert session.request_id == again.json()["request_id"]
    mail = await support_desk.mail(DESK, "リモートサポートを開始しました")
    assert CREDENTIALS["password"] in mail.text
