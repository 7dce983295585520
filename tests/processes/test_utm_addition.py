"""The UTM addition application on the real engine, just before and after each deadline (ADD-01…06)."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import delete, select, update

from models.business_calendar import reminder_instants
from models.tables.applications import UtmAddition
from models.tables.people import PortalUser
from tests.additions import APPLICANT, CONTACT, URL, Company, make_company, procedure_id
from tests.api.test_customers import CUSTOMERS, people_in_the_database
from tests.shipping import attention_of
from tests.world import NOTIFIED, PATIENCE, TENANT, World, eventually

SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)


@pytest.fixture
async def company(api: AsyncClient, world: World) -> Company:
    return await make_company(api, world)


async def ended_as(world: World, number: str, state: str) -> None:
    """Wait for the procedure's end in that state. Deliveries that met each other look again within a minute."""
    await world.advance(minutes=1)
    handle = world.client.get_workflow_handle(procedure_id(number))
    async with asyncio.timeout(PATIENCE):
        assert await handle.result() == state
    assert await world.standing(procedure_id(number)) == (state, None, [])


@pytest.mark.requirement("ADD-01", "ADD-02", "ADD-04", "ADD-05", "ADD-06", "SET-07", "GEN-04")
async def test_an_application_is_told_to_both_sides_and_its_approval_to_the_applicant(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """The applicant gets *completed* and *result*, the tenant *received*, and nobody anything twice."""
    number = await company.asked()
    assert number in (await world.mails_to(APPLICANT, 1))[0]
    assert number in (await world.mails_to(NOTIFIED, 1))[0]
    [received] = world.mails.to(NOTIFIED)
    for told in ("みなとセキュリティ", "山田 花子", number, "http"):
        assert told in received.text
    [completed] = world.mails.to(APPLICANT)
    assert "3台" in completed.text
    assert "神奈川県横浜市西区みなとみらい2-3-4" in completed.text
    state, waiting_for, upcoming = await world.standing(procedure_id(number))
    assert (state, waiting_for, [step["what"] for step in upcoming]) == ("unapproved", "staff", ["remind_staff"])
    approved = await api.post(f"{URL}/{number}/approve", headers=staff)
    assert approved.json() == {
        "application_number": number,
        "state": "approved",
        "customer_id": company.customer_id,
    }
    subjects = await world.mails_to(APPLICANT, 2)
    assert number in subjects[1]
    assert "承認" in world.mails.to(APPLICANT)[1].text
    await ended_as(world, number, "approved")
    await world.advance(days=30)
    assert len(world.mails.mails) == 3
    assert await world.timeline(procedure_id(number)) == ["addition_submitted", "addition_approved"]


@pytest.mark.requirement("ADD-05", "ADD-06", "APP-15")
async def test_staff_are_reminded_on_the_third_and_seventh_business_day_then_weekly_until_they_decide(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Not a second before; and a decision in the last second before a reminder keeps it from going out."""
    number = await company.asked()
    submitted_at = (await api.get(f"{URL}/{number}", headers=staff)).json()["submitted_at"]
    first, second = reminder_instants(datetime.fromisoformat(submitted_at), "Asia/Tokyo", "JP", (3, 7))
    due = [first, second, second + WEEK, second + 2 * WEEK]
    for told, (instant, later) in enumerate(pairwise(due)):
        await world.advance_to(instant - SECOND)
        assert await reminders(world, number) == told
        await world.advance_to(instant)
        await eventually(partial(next_is_due, world, number, later))
        assert await reminders(world, number) == told + 1
    assert "審査をお待ちしています" in (await world.mails_to(NOTIFIED, 4))[3]
    await world.advance_to(due[-1] - SECOND)
    assert (await api.post(f"{URL}/{number}/deny", headers=staff)).json()["state"] == "denied"
    await ended_as(world, number, "denied")
    await world.advance(days=30)
    assert await reminders(world, number) == 3
    assert len(world.mails.to(NOTIFIED)) == 4
    assert "否認" in world.mails.to(APPLICANT)[1].text


async def reminders(world: World, number: str) -> int:
    return (await world.timeline(procedure_id(number))).count("addition_reminder")


async def next_is_due(world: World, number: str, instant: datetime) -> bool:
    [step] = (await world.standing(procedure_id(number)))[2]
    return datetime.fromisoformat(step["at"]) == instant


@pytest.mark.requirement("ADD-06", "APP-14", "GEN-03")
async def test_of_two_decisions_at_once_one_wins_and_later_ones_learn_the_state(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """The applicant is told once; the winner's repetition has the winner's answer."""
    number = await company.asked()
    keys = {"approve": "a", "deny": "d"}

    async def say(decision: str) -> Response:
        return await api.post(f"{URL}/{number}/{decision}", headers={**staff, "Idempotency-Key": keys[decision]})

    answers = dict(zip(keys, await asyncio.gather(*(say(decision) for decision in keys)), strict=True))
    won, lost = sorted(answers, key=lambda decision: answers[decision].status_code)
    state = {"approve": "approved", "deny": "denied"}[won]
    assert (answers[won].status_code, answers[won].json()["state"]) == (200, state)
    assert (answers[lost].status_code, answers[lost].json()["code"]) == (409, "wrong_state")
    assert answers[lost].json()["state"] == state
    await ended_as(world, number, state)
    assert (await say(won)).json() == answers[won].json()
    for decision in keys:
        late = await api.post(f"{URL}/{number}/{decision}", headers=staff)
        assert (late.status_code, late.json()["state"]) == (409, state)
    assert len(await world.mails_to(APPLICANT, 2)) == 2
    async with world.database.transaction(TENANT) as connection:
        row = (await connection.execute(select(UtmAddition.state, UtmAddition.decided_by))).one()
    assert (row.state, str(row.decided_by).partition(":")[0]) == (state, "staff")


@pytest.mark.requirement("ADD-05")
async def test_the_result_reaches_the_applicants_present_address_and_else_the_companys_contact(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """People marry, move, and leave while an application waits."""
    moved, left = await company.asked(), await company.asked()
    user = PortalUser.user_id == company.user_id
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(PortalUser).where(user).values(mail_address="new@minato.example"))
    await api.post(f"{URL}/{moved}/approve", headers=staff)
    assert moved in (await world.mails_to("new@minato.example", 1))[0]
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(delete(PortalUser).where(user))
    await api.post(f"{URL}/{left}/deny", headers=staff)
    assert left in (await world.mails_to(CONTACT, 1))[0]
    assert "山田 太郎 様" in world.mails.to(CONTACT)[0].text
    assert len(await world.mails_to(APPLICANT, 2)) == 2


@pytest.mark.requirement("CUS-05")
async def test_a_companys_deletion_ends_what_is_undecided_and_names_nobody_any_more(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Number, quantity and what was decided stay; nobody is written to about it again."""
    undecided, approved = await company.asked(last_name="山田"), await company.asked()
    await api.post(f"{URL}/{approved}/approve", headers=staff)
    await world.mails_to(APPLICANT, 3)
    assert (await api.delete(f"{CUSTOMERS}/{company.customer_id}", headers=staff)).status_code == 204
    await ended_as(world, undecided, "ended")
    await ended_as(world, approved, "approved")
    assert await people_in_the_database(world) == []
    kept = (await api.get(f"{URL}/{undecided}", headers=staff)).json()
    assert (kept["state"], kept["quantity"], kept["destination"]["address"]) == ("ended", 3, "")
    await world.advance(days=30)
    assert await reminders(world, undecided) == 0
    late = await api.post(f"{URL}/{undecided}/approve", headers=staff)
    assert (late.status_code, late.json()["state"]) == (409, "ended")


@pytest.mark.requirement("CUS-05", "GEN-08")
async def test_an_application_whose_company_was_deleted_behind_its_back_ends_at_its_next_reminder(
    company: Company, world: World
) -> None:
    """It came in while the deletion was under way: the deletion has ended its row, and nobody is reminded of it."""
    number = await company.asked()
    await world.mails_to(NOTIFIED, 1)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(UtmAddition).values(state="ended"))
    await world.advance(days=30)
    await ended_as(world, number, "ended")
    assert await world.timeline(procedure_id(number)) == ["addition_submitted", "addition_ended"]
    assert len(world.mails.mails) == 2


@pytest.mark.requirement("GEN-08", "GEN-02")
async def test_a_refused_mail_asks_the_operator_and_the_decision_does_not_wait_for_it(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """An end by the operator, before staff have decided, leaves the application `ended`."""
    world.mails.answer = lambda recipient: "550 no such mailbox" if recipient == NOTIFIED else None
    decided, ended = await company.asked(), await company.asked()
    for number in (decided, ended):
        await eventually(partial(waits_for_operator, world, number))
    assert (await api.post(f"{URL}/{decided}/approve", headers=staff)).status_code == 200
    url = f"/v1/tenants/{TENANT}/procedures/{{}}/{{}}"
    body = {"reason": "the mailbox is gone"}
    skipped = await api.post(url.format(procedure_id(decided), "skip"), json=body, headers=operator)
    assert skipped.status_code == 200
    await ended_as(world, decided, "approved")
    closed = await api.post(url.format(procedure_id(ended), "end"), json=body, headers=operator)
    assert closed.status_code == 200
    await eventually(partial(stands, world, ended, "ended"))
    assert (await api.get(f"{URL}/{ended}", headers=staff)).json()["state"] == "ended"


async def waits_for_operator(world: World, number: str) -> bool:
    return bool(await attention_of(world, procedure_id(number)))


async def stands(world: World, number: str, state: str) -> bool:
    return (await world.standing(procedure_id(number)))[0] == state
