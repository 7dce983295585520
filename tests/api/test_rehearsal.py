"""The rehearsal's clock over HTTP."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import select, update

from api.app import create_app, make_context
from api.context import Context
from models.clock import SystemClock
from models.tables.applications import ServiceApplication
from models.tables.procedures import Mail, Procedure
from settings import Settings
from tests.api.test_portal_users import added, users_of_a_customer
from tests.api.test_service_application import confirmed, submitted
from tests.world import NOTIFIED, TENANT, World, make_tenant
from workflows import schedules

_TASK_COMES_AGAIN = 10  # seconds, of the engine
ADVANCE, CLOCK = "/v1/rehearsal/advance", "/v1/rehearsal/clock"


async def advanced(api: AsyncClient, operator: dict[str, str], **body: Any) -> datetime:
    answer = await api.post(ADVANCE, json=body, headers=operator)
    assert answer.status_code == 200, answer.text
    assert answer.json()["unfinished"] == []
    return datetime.fromisoformat(answer.json()["now"])


async def now(api: AsyncClient, operator: dict[str, str]) -> datetime:
    return datetime.fromisoformat((await api.get(CLOCK, headers=operator)).json()["now"])


async def states(world: World) -> list[str]:
    async with world.database.transaction(TENANT) as connection:
        return list((await connection.execute(select(ServiceApplication.state))).scalars())


async def test_the_clock_jumps_by_a_duration_or_to_an_instant(api: AsyncClient, operator: dict[str, str]) -> None:
    """And runs on as real time does."""
    begun = await now(api, operator)
    a_week_on = await advanced(api, operator, by="P7D")
    assert timedelta(0) <= a_week_on - begun - timedelta(days=7) < timedelta(seconds=5)
    target = a_week_on + timedelta(hours=1)
    there = await advanced(api, operator, to=target.isoformat())
    assert timedelta(0) <= there - target < timedelta(seconds=5)
    assert await advanced(api, operator, by="PT0S") - there < timedelta(seconds=5)


@pytest.mark.requirement("APP-07", "APP-15")
async def test_the_answer_comes_once_everything_due_has_been_done(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    """Lapses, reminders and their mails are there with the answer, not soon after it; in every tenant."""
    await make_tenant(world.database, "T9000000", await world.clock.now())
    await submitted(api, staff)
    await advanced(api, operator, by="PT24H")
    assert await states(world) == ["lapsed"]
    await confirmed(api, staff, world)
    await advanced(api, operator, by="P30D")
    async with world.database.transaction(TENANT) as connection:
        mails = (await connection.execute(select(Mail.state).where(Mail.recipient == NOTIFIED))).scalars().all()
    assert len(mails) >= 4
    assert set(mails) == {"sent"}
    assert len(world.mails.to(NOTIFIED)) == len(mails)


@pytest.mark.requirement("GEN-04", "CUS-06", "USR-03")
async def test_a_signup_s_reminder_is_done_and_what_comes_after_it_is_shown(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    url = await users_of_a_customer(api, staff)
    user = await added(api, staff, url)
    shown = [await coming(api, staff)]
    expires_at = datetime.fromisoformat(user["signup_expires_at"])
    for reminders, days_before in ((1, 3), (2, 1)):
        await advanced(api, operator, to=(expires_at - timedelta(days=days_before)).isoformat())
        assert len(world.mails.to(user["mail_address"])) == 1 + reminders
        shown.append(await coming(api, staff))
    assert shown == [["remind_person", "remind_person", "expire"], ["remind_person", "expire"], ["expire"]]


async def coming(api: AsyncClient, staff: dict[str, str]) -> list[str]:
    """What the only procedure names as next."""
    answer = await api.get(f"/v1/tenants/{TENANT}/procedures", headers=staff)
    [signup] = answer.json()["items"]
    return [one["what"] for one in signup["next"]]


async def test_what_recurs_is_done_too(api: AsyncClient, operator: dict[str, str], world: World) -> None:
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    three_in_tokyo = (await world.clock.now()).replace(hour=18, minute=0, second=0, microsecond=0) + timedelta(days=3)
    await advanced(api, operator, to=three_in_tokyo.isoformat())
    assert await schedules.next_on_world_clock(world.client) == three_in_tokyo + timedelta(days=1)


async def test_a_mail_server_that_says_not_now_is_not_waited_for(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    """The next try is in the future, and the recipient's next mail waits for it; both go once the clock is there."""
    world.mails.answer = lambda _: "451 not now"
    await confirmed(api, staff, world)
    began = time.monotonic()
    await advanced(api, operator, by="PT1H")
    assert time.monotonic() - began < 8
    world.mails.answer = lambda _: None
    await advanced(api, operator, by="PT1H")
    assert len(world.mails.to("taro@minato.example")) == 2


async def test_a_procedure_whose_task_was_lost_is_waited_for(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    """The engine gives the task again after ten seconds; here somebody else does what was due, a little later."""
    await submitted(api, staff)
    async with world.database.transaction(TENANT) as connection:
        due = [{"at": (await world.clock.now()).isoformat(), "what": "lapse"}]
        await connection.execute(update(Procedure).values(next=due))
    jump = asyncio.create_task(advanced(api, operator, by="PT1M"))
    await asyncio.sleep(_TASK_COMES_AGAIN + 2)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Procedure).values(next=[]))
    await jump


@pytest.mark.requirement("GEN-07")
@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "by", "required"),
        ({"by": "P1D", "to": "2030-01-01T00:00:00Z"}, "to", "not_both"),
        ({"by": "a week"}, "by", "invalid_duration"),
        ({"by": "7"}, "by", "invalid_duration"),
        ({"by": 7}, "by", "invalid_duration"),
        ({"by": "-P1D"}, "by", "invalid_duration"),
        ({"by": "P"}, "by", "invalid_duration"),
        ({"by": "P99999999999999D"}, "by", "invalid_duration"),
        ({"by": "P11Y"}, "by", "too_large"),
        ({"to": "2020-01-01T00:00:00Z"}, "to", "in_the_past"),
        ({"to": "2027-01-01T00:00:00"}, "to", "invalid_instant"),
        ({"to": 1890000000}, "to", "invalid_instant"),
        ({"to": "9999-01-01T00:00:00Z"}, "to", "too_large"),
    ],
)
async def test_a_wrong_jump_is_refused_by_name(
    api: AsyncClient, operator: dict[str, str], body: dict[str, Any], field: str, code: str
) -> None:
    """Neither back, nor both ways at once, nor beyond ten years; the clock stays."""
    before = await now(api, operator)
    answer = await api.post(ADVANCE, json=body, headers=operator)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert await now(api, operator) - before < timedelta(seconds=10)


@pytest.mark.requirement("GEN-03")
async def test_the_same_request_jumps_once(api: AsyncClient, operator: dict[str, str]) -> None:
    key = {**operator, "Idempotency-Key": "jump-1"}
    answers = [await api.post(ADVANCE, json={"by": "P1D"}, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()


async def test_only_the_operator_and_only_a_rehearsal_has_the_clock(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], context: Context, settings: Settings
) -> None:
    """To anybody else it is forbidden; in earnest it is not there."""
    assert (await api.get(CLOCK)).status_code == 401
    assert (await api.post(ADVANCE, json={"by": "P1D"}, headers=staff)).status_code == 403
    earnest = Context(
        settings=settings.model_copy(update={"rehearsal": False}),
        database=context.database,
        commands=context.commands,
        clock=SystemClock(),
        cipher=context.cipher,
        link_key=context.link_key,
    )
    transport = ASGITransport(app=create_app(earnest))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        assert (await client.get(CLOCK, headers=operator)).status_code == 404
        assert (await client.post(ADVANCE, json={"by": "P1D"}, headers=operator)).status_code == 404


@pytest.mark.requirement("GEN-03")
async def test_a_jump_that_is_asked_for_again_while_it_is_under_way_is_one_jump(
    api: AsyncClient, operator: dict[str, str]
) -> None:
    """A client that did not want to wait for the answer repeats its request, with its key."""
    begun = await now(api, operator)
    headers = operator | {"Idempotency-Key": "a week on"}
    both = await asyncio.gather(*(api.post(ADVANCE, json={"by": "P7D"}, headers=headers) for _ in range(2)))
    assert [answer.status_code for answer in both] == [200, 200]
    assert await now(api, operator) - begun < timedelta(days=8)


async def test_a_long_jump_is_not_broken_off_by_the_client_s_own_probes(settings: Settings) -> None:
    """The rehearsal's server hangs up on whoever probes three times in a row, as a jump of ninety seconds did."""
    for rehearsal in (True, False):
        async with make_context(settings.model_copy(update={"rehearsal": rehearsal})) as context:
            probes = context.commands._client.service_client.config.keep_alive_config  # noqa: SLF001 - nobody else asks
            assert (probes is None) == rehearsal
