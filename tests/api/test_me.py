"""The signed-in person's own password over HTTP."""

from typing import Any

import psycopg
import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from models.tables.procedures import AuditEntry
from tests.accounts import ADDRESS, PASSWORD, WRONG, make_person, make_staff, sign_in, signed_in
from tests.world import TENANT, World

NEW = "Sora9-ishi.Hana"

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
async def account(world: World) -> None:
    await make_staff(world, await make_person(world))


async def changed(api: AsyncClient, headers: dict[str, str], **fields: str) -> Any:
    body = {"current_password": PASSWORD, "password": NEW, "password_confirmation": NEW} | fields
    return await api.put("/v1/me/password", json=body, headers=headers)


@pytest.mark.requirement("AUT-04")
async def test_a_change_ends_the_other_sessions_and_the_old_password(api: AsyncClient, world: World) -> None:
    """This session goes on, and the tenant's audit log says so without any secret."""
    mine, other = await signed_in(api), await signed_in(api)
    assert (await changed(api, mine)).status_code == 204
    assert (await api.get("/v1/me", headers=mine)).status_code == 200
    assert (await api.get("/v1/me", headers=other)).status_code == 401
    assert (await sign_in(api)).status_code == 401
    await signed_in(api, NEW)
    async with world.database.transaction(TENANT) as connection:
        entries = (await connection.execute(select(AuditEntry.what, AuditEntry.detail))).all()
    assert ("password_changed", {}) in [tuple(entry) for entry in entries]


@pytest.mark.requirement("GEN-04")
async def test_a_change_that_cannot_be_audited_is_not_made(api: AsyncClient, owner: psycopg.Connection[Any]) -> None:
    headers = await signed_in(api)
    owner.execute("ALTER TABLE audit_entries ADD CONSTRAINT broken CHECK (what <> 'password_changed') NOT VALID")
    assert (await changed(api, headers)).status_code == 500
    assert (await sign_in(api)).status_code == 201


@pytest.mark.requirement("AUT-04", "TEN-05", "GEN-07")
@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"current_password": WRONG}, {("current_password", "wrong_password")}),
        (
            {"password": "short", "password_confirmation": ""},
            {("password", "too_short"), ("password_confirmation", "differs")},
        ),
        ({"password": "a" * 12, "password_confirmation": "a" * 12}, {("password", "password_common")}),
        ({"password": ADDRESS, "password_confirmation": ADDRESS}, {("password", "password_is_address")}),
        ({"current_password": ""}, {("current_password", "required")}),
        (
            {"current_password": WRONG, "password": "short"},
            {("current_password", "wrong_password"), ("password", "too_short"), ("password_confirmation", "differs")},
        ),
    ],
)
async def test_what_is_wrong_is_named_and_the_password_stays(
    api: AsyncClient, fields: dict[str, str], errors: set[tuple[str, str]]
) -> None:
    headers = await signed_in(api)
    answer = await changed(api, headers, **fields)
    assert answer.status_code == 422
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == errors
    await signed_in(api)


@pytest.mark.requirement("GEN-07")
async def test_every_field_that_is_missing_is_named(api: AsyncClient) -> None:
    answer = await api.put("/v1/me/password", json={}, headers=await signed_in(api))
    assert {error["field"] for error in answer.json()["errors"]} == {
        "current_password",
        "password",
        "password_confirmation",
    }


@pytest.mark.requirement("AUT-04")
async def test_the_same_password_is_no_change(api: AsyncClient) -> None:
    answer = await changed(api, await signed_in(api), password=PASSWORD, password_confirmation=PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_changed")


@pytest.mark.requirement("AUT-02")
async def test_guessing_the_current_password_locks_like_guessing_at_the_door(api: AsyncClient) -> None:
    """A stolen session is no way around the count."""
    headers = await signed_in(api)
    for _ in range(10):
        assert (await changed(api, headers, current_password=WRONG)).status_code == 422
    assert (await changed(api, headers)).status_code == 423
    assert (await sign_in(api)).status_code == 423
