"""Forgotten passwords, on the real engine: by mail, by SMS, and for addresses that nobody has."""

import asyncio
import re
import statistics
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from api.context import Context
from api.password_resets import complete_reset, reset_of
from models.identifiers import Draw
from models.messages.procedure import Identity
from models.refusals import InvalidInput, LinkExpired, LinkUsed, LinkWithdrawn, NotFound, Refusal
from models.tables.people import PasswordReset as Resets
from models.tables.people import Person
from models.vocabulary import ProcedureKind, ResetState
from tests.accounts import (
    ADDRESS,
    PASSWORD,
    WRONG,
    make_customer,
    make_person,
    make_portal_user,
    make_staff,
    sign_in,
    signed_in,
)
from tests.world import TENANT, World, make_tenant

NEW = "Sora9-ishi.Hana"
FORM = {"password": NEW, "password_confirmation": NEW}
OTHER = "T9000000"
MOBILE = "09012345678"
SMS = f"{MOBILE}@sms.tetsuzuki.example"

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
async def account(world: World) -> None:
    """A portal user with a mobile number."""
    person_id = await make_person(world)
    await make_portal_user(world, person_id, await make_customer(world), mobile_number=MOBILE)


async def asked(api: AsyncClient, address: str = ADDRESS, **more: str) -> None:
    answer = await api.post("/v1/password-resets", json={"mail_address": address} | more)
    assert (answer.status_code, answer.json()) == (202, {"state": "accepted"})


async def token(world: World, count: int = 1) -> str:
    await world.mails_to(ADDRESS, count)
    return world.mails.to(ADDRESS)[count - 1].token


async def code(world: World, count: int = 1) -> str:
    await world.mails_to(SMS, count)
    found = re.search(r"\b[0-9]{6}\b", world.mails.to(SMS)[count - 1].text)
    assert found
    return found.group()


async def redeemed(api: AsyncClient, code_: str, address: str = ADDRESS, **more: str) -> Any:
    body = FORM | {"mail_address": address, "code": code_} | more
    return await api.post("/v1/password-resets/redeem", json=body)


async def refusal_of(context: Context, link: str) -> type[Refusal]:
    with pytest.raises(Refusal) as raised:
        await reset_of(context, link)
    return raised.type


async def resets(world: World) -> list[tuple[str, datetime]]:
    async with world.database.transaction(TENANT) as connection:
        rows = await connection.execute(select(Resets.reset_id, Resets.expires_at).order_by(Resets.requested_at))
        return [(row.reset_id, row.expires_at) for row in rows]


def identity(reset_id: str) -> Identity:
    return Identity.of(ProcedureKind.PASSWORD_RESET, TENANT, reset_id)


@pytest.mark.requirement("AUT-04", "AUT-02")
async def test_the_mailed_link_sets_a_new_password_and_ends_sessions_and_lock(
    api: AsyncClient, world: World, context: Context
) -> None:
    """Once: a second press is answered alike at the same moment, and later the link is used."""
    session = await signed_in(api)
    for _ in range(10):
        await sign_in(api, WRONG)
    assert (await sign_in(api)).status_code == 423
    await world.mails_to(ADDRESS, 1)  # which tells of the lock
    await asked(api)
    link = await token(world, 2)
    shown = await reset_of(context, link)
    assert (shown.tenant_id, shown.mail_address, shown.language) == (TENANT, ADDRESS, "ja")
    await asyncio.gather(complete_reset(context, link, FORM), complete_reset(context, link, FORM))
    assert await refusal_of(context, link) is LinkUsed
    assert (await api.get("/v1/me", headers=session)).status_code == 401
    assert (await sign_in(api)).status_code == 401
    await signed_in(api, NEW)
    [(reset_id, _)] = await resets(world)
    assert (await world.standing(identity(reset_id).procedure_id))[0] == ResetState.COMPLETED
    expected = ["password_reset_requested", "password_reset_completed"]
    assert await world.timeline(identity(reset_id).procedure_id) == expected


@pytest.mark.requirement("AUT-04", "TEN-05")
async def test_a_bad_password_is_named_and_the_link_stays_good(
    api: AsyncClient, world: World, context: Context
) -> None:
    await asked(api)
    link = await token(world)
    with pytest.raises(InvalidInput) as raised:
        await complete_reset(context, link, {"password": "short"})
    assert [error.code for error in raised.value.errors] == ["too_short", "differs"]
    await complete_reset(context, link, FORM)


@pytest.mark.requirement("AUT-04")
async def test_the_link_lives_an_hour_and_not_a_second_longer(api: AsyncClient, world: World, context: Context) -> None:
    await asked(api)
    link = await token(world)
    [(reset_id, expires_at)] = await resets(world)
    await world.advance_to(expires_at - timedelta(seconds=2))
    await reset_of(context, link)
    await world.advance_to(expires_at)
    assert await refusal_of(context, link) is LinkExpired
    handle = world.client.get_workflow_handle(identity(reset_id).procedure_id)
    assert await handle.result() == ResetState.EXPIRED
    await signed_in(api)


@pytest.mark.requirement("AUT-04")
async def test_a_completed_reset_and_a_changed_password_kill_every_reset_before(
    api: AsyncClient, world: World, context: Context
) -> None:
    await asked(api)
    await asked(api)
    first, second = await token(world), await token(world, 2)
    await complete_reset(context, second, FORM)
    assert await refusal_of(context, first) is LinkWithdrawn
    await asked(api)
    third = await token(world, 3)
    await api.put(
        "/v1/me/password",
        json={"current_password": NEW, "password": PASSWORD, "password_confirmation": PASSWORD},
        headers=await signed_in(api, NEW),
    )
    assert await refusal_of(context, third) is LinkWithdrawn
    with pytest.raises(LinkWithdrawn):
        await complete_reset(context, third, FORM)
    await signed_in(api)


@pytest.mark.requirement("AUT-04")
async def test_an_sms_code_works_once(api: AsyncClient, world: World) -> None:
    """Also typed in full width; it sets the password, ends sessions, and is used."""
    session = await signed_in(api)
    await asked(api, channel="sms")
    digits = await code(world)
    typed = digits.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert (await redeemed(api, typed)).status_code == 204
    assert (await api.get("/v1/me", headers=session)).status_code == 401
    await signed_in(api, NEW)
    again = await redeemed(api, digits, password=PASSWORD, password_confirmation=PASSWORD)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "wrong_code")
    await signed_in(api, NEW)


@pytest.mark.requirement("AUT-04")
async def test_five_codes_may_be_tried_and_a_bad_password_is_none_of_them(api: AsyncClient, world: World) -> None:
    """After five wrong ones even the right one is wrong; the next reset has five of its own."""
    await asked(api, channel="sms")
    right = await code(world)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for _ in range(6):
        assert (await redeemed(api, right, password="short")).json()["errors"][0]["field"] == "password"
    for _ in range(5):
        assert (await redeemed(api, wrong)).status_code == 422
    assert (await redeemed(api, right)).json()["errors"][0]["code"] == "wrong_code"
    await asked(api, channel="sms")
    second = await code(world, 2)
    for _ in range(4):
        await redeemed(api, right if right != second else wrong)
    assert (await redeemed(api, second)).status_code == 204


@pytest.mark.requirement("AUT-04")
async def test_codes_tried_at_the_same_time_are_all_counted(api: AsyncClient, world: World) -> None:
    await asked(api, channel="sms")
    right = await code(world)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    await asyncio.gather(*(redeemed(api, wrong) for _ in range(5)))
    assert (await redeemed(api, right)).status_code == 422


@pytest.mark.requirement("AUT-04")
async def test_a_code_lives_an_hour_and_not_a_second_longer(api: AsyncClient, world: World) -> None:
    await asked(api, channel="sms")
    right = await code(world)
    [(_, expires_at)] = await resets(world)
    await world.advance_to(expires_at)
    assert (await redeemed(api, right)).status_code == 422


@pytest.mark.requirement("AUT-04", "TEN-06", "GEN-05")
@pytest.mark.parametrize("also", ["staff of the tenant", "staff of another", "portal user of another"])
async def test_a_number_that_staff_entered_opens_nothing_beyond_what_is_theirs(
    api: AsyncClient, world: World, also: str
) -> None:
    """Whoever can enter a number would have the account of a colleague, or what is another tenant's."""
    person_id = await person_of(world)
    tenant_id = TENANT if also == "staff of the tenant" else OTHER
    if tenant_id == OTHER:
        await make_tenant(world.database, OTHER, await world.clock.now())
    if also.startswith("staff"):
        await make_staff(world, person_id, tenant_id)
    else:
        await make_portal_user(world, person_id, await make_customer(world, OTHER), tenant_id=OTHER)
    await asked(api, channel="sms")
    await asked(api)
    await world.mails_to(ADDRESS, 1)
    await world.advance(hours=2)
    assert world.mails.to(SMS) == []


async def person_of(world: World) -> str:
    async with world.database.transaction() as connection:
        found = await connection.execute(select(Person.person_id).where(Person.mail_address == ADDRESS))
        return found.scalar_one()


@pytest.mark.requirement("AUT-01", "AUT-04")
async def test_addresses_without_an_account_are_answered_alike_and_nobody_is_told(
    api: AsyncClient, world: World
) -> None:
    """Unknown, known without any membership, and by SMS without a mobile number."""
    await make_staff(world, await make_person(world, "desk.only@partner.example"), address="desk.only@partner.example")
    await make_person(world, "alone@partner.example")
    await asked(api, "nobody@partner.example")
    await asked(api, "alone@partner.example")
    await asked(api, "desk.only@partner.example", channel="sms")
    assert (await redeemed(api, "000000", "nobody@partner.example")).text == (await redeemed(api, "000000")).text
    await asked(api)
    await world.mails_to(ADDRESS, 1)
    await world.advance(hours=2)
    assert len(world.mails.mails) == 1


@pytest.mark.requirement("AUT-01", "AUT-04")
async def test_asking_for_known_and_unknown_addresses_takes_alike(api: AsyncClient) -> None:
    """The quick quarter of many requests, taken in turns: what a busy machine adds is no difference."""
    taken: dict[str, list[float]] = {ADDRESS: [], "nobody@partner.example": []}
    for number in range(24):
        for address in sorted(taken, reverse=bool(number % 2)):
            begun = time.perf_counter()
            await asked(api, address)
            taken[address].append(time.perf_counter() - begun)
    known, unknown = (statistics.quantiles(times, n=4)[0] for times in taken.values())
    assert 0.7 < known / unknown < 1.4


@pytest.mark.requirement("GEN-03")
async def test_the_same_request_again_sends_no_second_mail(api: AsyncClient, world: World) -> None:
    for _ in range(2):
        answer = await api.post(
            "/v1/password-resets", json={"mail_address": ADDRESS}, headers={"Idempotency-Key": "reset"}
        )
        assert answer.status_code == 202
    await world.mails_to(ADDRESS, 1)
    await world.advance(hours=2)
    assert len(world.mails.mails) == 1


async def test_what_is_no_reset_link_is_not_there(context: Context) -> None:
    for link in ("", "x", f"{TENANT}-{'x' * 43}", Draw().opaque_id()):
        assert await refusal_of(context, link) is NotFound


@pytest.mark.requirement("GEN-08")
async def test_an_operator_ends_a_reset_and_its_link_with_it(api: AsyncClient, world: World, context: Context) -> None:
    await asked(api)
    link = await token(world)
    [(reset_id, _)] = await resets(world)
    handle = world.client.get_workflow_handle(identity(reset_id).procedure_id)
    await handle.cancel()
    await handle.result()
    with pytest.raises(Refusal):
        await reset_of(context, link)
