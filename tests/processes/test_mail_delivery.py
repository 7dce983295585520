"""Delivering mails to a mail server that misbehaves: each mail once, in order, with patience, and never a dead end."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import Row, insert, select

from models.outbox import Letter, Posting, post
from models.tables.procedures import Mail
from models.tables.tenants import NotificationAddress
from models.vocabulary import Decision, Language
from models.vocabulary import Mail as Template
from tests.processes.test_service_application import APPLICANT, NUMBER, confirm, decide, submit
from tests.world import NOTIFIED, TENANT, World, eventually
from workflows import search_attributes

PROCEDURE = f"service-application-{TENANT}-{NUMBER}"
SECOND_NOTIFIED = "second@partner.example"


async def ledger(world: World, recipient: str | None = None) -> Sequence[Row[Any]]:
    async with world.database.transaction(TENANT) as connection:
        rows = await connection.execute(select(Mail.__table__).order_by(Mail.sequence))
        return [row for row in rows if recipient in (None, row.recipient)]


async def states(world: World, recipient: str) -> list[str]:
    return [row.state for row in await ledger(world, recipient)]


async def reaches(world: World, recipient: str, state: str) -> None:
    """Wait until the recipient's latest mail is in the state."""

    async def is_there() -> bool:
        return (await states(world, recipient))[-1:] == [state]

    await eventually(is_there)


async def second_notification_address(world: World) -> None:
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            insert(NotificationAddress).values(tenant_id=TENANT, slot=1, mail_address=SECOND_NOTIFIED)
        )


async def waiting(api: AsyncClient, operator: dict[str, str]) -> list[dict[str, Any]]:
    answer = await api.get("/v1/attention", headers=operator)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def stuck(api: AsyncClient, operator: dict[str, str]) -> dict[str, Any]:
    """The one procedure that waits for an operator, once it does."""

    async def is_there() -> bool:
        return bool(await waiting(api, operator))

    await eventually(is_there)
    [item] = await waiting(api, operator)
    return item


async def say(api: AsyncClient, operator: dict[str, str], action: str, **body: str) -> dict[str, Any]:
    url = f"/v1/tenants/{TENANT}/procedures/{PROCEDURE}/{action}"
    answer = await api.post(url, json={"reason": "the cause is known", **body}, headers=operator)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def attention_in_temporal(world: World) -> str:
    handle = world.client.get_workflow_handle(PROCEDURE)
    shown: Any = await handle.query("__temporal_workflow_metadata")
    return str(shown.current_details)


async def searched_attention(world: World) -> str | None:
    described = await world.client.get_workflow_handle(PROCEDURE).describe()
    return described.typed_search_attributes.get(search_attributes.ATTENTION)


@pytest.mark.requirement("GEN-03")
async def test_a_mail_put_off_is_tried_again_with_growing_pauses_until_it_is_taken(world: World) -> None:
    """After 1, 2, 4, 8, 16, 30 and again 30 minutes; the mail that arrives has the Message-ID it had from the start."""
    world.mails.answer = lambda recipient: "451 4.7.1 greylisted" if recipient == APPLICANT else None
    await submit(world)
    pauses = []
    for attempt in range(1, 8):
        await reaches(world, APPLICANT, "deferred")
        [mail] = await ledger(world)
        assert mail.attempts == attempt
        pauses.append(round((mail.next_attempt_at - await world.clock.now()) / timedelta(minutes=1)))
        if attempt == 7:
            world.mails.answer = lambda _: None
        await world.advance_to(mail.next_attempt_at)
        await eventually(partial(tried_oftener, world, attempt))
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    await reaches(world, APPLICANT, "sent")
    [arrived] = world.mails.to(APPLICANT)
    assert arrived.message_id == mail.message_id


async def tried_oftener(world: World, attempts: int) -> bool:
    [mail] = await ledger(world)
    return bool(mail.attempts > attempts) and mail.state != "sending"


@pytest.mark.requirement("GEN-03", "SET-08")
async def test_whatever_a_mail_server_says_is_noted(world: World, api: AsyncClient, operator: dict[str, str]) -> None:
    """Not all answer in ASCII, or in UTF-8: what they took goes once, what they refused is shown to an operator."""
    world.mails.thanks = "250 2.0.0 受付\0".encode("shift_jis")
    handle, _ = await submit(world)
    await reaches(world, APPLICANT, "sent")
    world.mails.answer = lambda recipient: "550 宛先不明".encode("shift_jis") if recipient == NOTIFIED else None
    await confirm(handle)
    await reaches(world, NOTIFIED, "failed")
    assert "550" in (await stuck(api, operator))["attention"][0]["reason"]
    assert len(world.mails.to(APPLICANT)) == 2


@pytest.mark.requirement("GEN-03")
async def test_a_mail_waits_for_the_one_before_it_that_was_put_off(world: World) -> None:
    """Whoever reads them in their order understands them; others' mails go meanwhile."""
    await second_notification_address(world)
    world.mails.answer = lambda recipient: "451 4.7.1 greylisted" if recipient == APPLICANT else None
    handle, _ = await submit(world)
    await reaches(world, APPLICANT, "deferred")
    world.mails.answer = lambda _: None
    await confirm(handle)
    await world.mails_to(SECOND_NOTIFIED, 1)
    first, second = await ledger(world, APPLICANT)
    await world.advance_to(first.next_attempt_at)
    await world.mails_to(APPLICANT, 2)
    assert [mail.message_id for mail in world.mails.to(APPLICANT)] == [first.message_id, second.message_id]


@pytest.mark.requirement("SET-08", "GEN-08")
async def test_a_refused_recipient_stops_nobody_else_and_is_retried_by_an_operator(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    """The others get their mails at once; the operator sees what waits, in the list and in Temporal, and helps."""
    await second_notification_address(world)
    handle, _ = await submit(world)
    world.mails.answer = lambda recipient: "550 5.1.1 no such user" if recipient == NOTIFIED else None
    await confirm(handle)
    await world.mails_to(SECOND_NOTIFIED, 1)
    await world.mails_to(APPLICANT, 2)
    item = await stuck(api, operator)
    assert (item["tenant_id"], item["id"], item["state"]) == (TENANT, PROCEDURE, "unapproved")
    [step] = item["attention"]
    assert "550" in step["reason"]
    assert step["actions"] == ["retry", "skip", "end"]
    assert step["step"] in await attention_in_temporal(world)
    assert await searched_attention(world) == "yes"
    refused = (await ledger(world, NOTIFIED))[0]
    world.mails.answer = lambda _: None
    await say(api, operator, "retry")
    await world.mails_to(NOTIFIED, 1)
    assert world.mails.to(NOTIFIED)[0].message_id == refused.message_id
    assert await waiting(api, operator) == []
    assert "Needs an operator" not in await attention_in_temporal(world)
    assert await searched_attention(world) == "no"


@pytest.mark.requirement("GEN-08", "SET-08")
async def test_of_two_refused_mails_one_is_skipped_and_the_other_retried(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    """Both are listed; an operator decides for each by its step, and is refused for what does not wait."""
    await second_notification_address(world)
    handle, _ = await submit(world)
    world.mails.answer = lambda recipient: "550 5.1.1 no such user" if "partner" in recipient else None
    await confirm(handle)

    async def both_wait() -> bool:
        return [len(item["attention"]) for item in await waiting(api, operator)] == [2]

    await eventually(both_wait)
    gone, mended = (row.mail_id for row in await ledger(world) if row.state == "failed")
    await say(api, operator, "skip", step=f"mail-{gone}")
    world.mails.answer = lambda _: None
    await say(api, operator, "retry", step=f"mail-{mended}")
    await world.mails_to(SECOND_NOTIFIED, 1)
    await reaches(world, NOTIFIED, "skipped")
    assert world.mails.to(NOTIFIED) == []
    url = f"/v1/tenants/{TENANT}/procedures/{PROCEDURE}/skip"
    late = await api.post(url, json={"reason": "too late"}, headers=operator)
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "wrong_state", "unapproved")


@pytest.mark.requirement("GEN-08")
async def test_an_operator_ends_a_procedure_whose_mail_is_refused(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    """Nothing waits any more, and the timeline tells who ended it and why."""
    world.mails.answer = lambda _: "550 5.1.1 no such user"
    handle, _ = await submit(world)
    await stuck(api, operator)
    await say(api, operator, "end")
    assert await handle.result() == "ended"
    assert (await world.standing(PROCEDURE))[0] == "ended"
    assert await waiting(api, operator) == []
    procedure = (await api.get(f"/v1/tenants/{TENANT}/procedures/{PROCEDURE}", headers=operator)).json()
    ended = next(event for event in procedure["timeline"] if event["what"] == "operator_end")
    assert (ended["by"], ended["detail"]["reason"]) == ("operator", "the cause is known")
    assert [row.state for row in await ledger(world)] == ["skipped"]


@pytest.mark.requirement("GEN-08", "SET-08")
async def test_a_refusal_is_shown_at_once_though_another_mail_is_still_being_tried(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    """A recipient who is put off for days does not hide the one who is refused for good."""
    await second_notification_address(world)
    handle, _ = await submit(world)
    answers = {NOTIFIED: "550 5.1.1 no such user", SECOND_NOTIFIED: "451 4.7.1 later"}
    world.mails.answer = answers.get
    await confirm(handle)
    item = await stuck(api, operator)
    assert [step["reason"].count("550") for step in item["attention"]] == [1]
    assert await states(world, SECOND_NOTIFIED) == ["deferred"]


@pytest.mark.requirement("GEN-02", "GEN-08")
async def test_with_the_mail_server_down_for_a_day_everything_goes_on_and_every_mail_arrives_in_order(
    world: World,
) -> None:
    """Commands are answered as before; what they post meanwhile waits in the ledger."""
    world.mails.stop()
    handle, _ = await submit(world)
    await world.advance(hours=10)
    await confirm(handle)
    await world.advance(hours=8)
    approved = await decide(handle, Decision.APPROVE)
    assert approved.state == "approved"
    await world.advance(hours=6)
    posted = [row.message_id for row in await ledger(world) if row.procedure_id == PROCEDURE]
    assert len(posted) == 5
    assert not world.mails.mails
    world.mails.start()
    await world.advance(minutes=31)
    await eventually(lambda: len(world.mails.mails) == 7)
    arrived = [mail.message_id for mail in world.mails.mails if mail.message_id in posted]
    assert arrived == posted
    assert await handle.result() == "approved"


@pytest.mark.requirement("GEN-03")
async def test_a_connection_lost_after_the_final_dot_is_followed_by_one_more_try_with_the_same_message_id(
    world: World,
) -> None:
    """Ten minutes later, and no oftener: nobody knows whether the first was taken."""
    dropped = iter([True])
    world.mails.drops = lambda _: next(dropped, False)
    await submit(world)
    await reaches(world, APPLICANT, "unknown")
    [mail] = await ledger(world)
    assert timedelta(minutes=9) < mail.next_attempt_at - await world.clock.now() <= timedelta(minutes=10)
    await world.advance(minutes=11)
    await reaches(world, APPLICANT, "sent")
    await world.advance(hours=12)
    assert [copy.message_id for copy in world.mails.to(APPLICANT)] == [mail.message_id] * 2


@pytest.mark.requirement("GEN-03", "GEN-08")
async def test_a_mail_lost_twice_after_the_final_dot_is_not_sent_a_third_time_but_shown_to_an_operator(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    world.mails.drops = lambda _: True
    await submit(world)
    await reaches(world, APPLICANT, "unknown")
    await world.advance(minutes=11)
    await reaches(world, APPLICANT, "failed")
    await stuck(api, operator)
    await world.advance(hours=2)
    assert len(world.mails.to(APPLICANT)) == 2


@pytest.mark.requirement("GEN-08")
async def test_a_mail_put_off_for_five_days_is_given_up_and_shown(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    """Until then it is tried; from then on an operator decides."""
    handle, _ = await submit(world)
    world.mails.answer = lambda recipient: "452 4.2.2 mailbox full" if recipient == NOTIFIED else None
    await confirm(handle)
    await world.advance(days=4, hours=23)
    assert (await states(world, NOTIFIED))[0] == "deferred"
    assert await waiting(api, operator) == []
    await world.advance(hours=2)
    item = await stuck(api, operator)
    assert "452" in item["attention"][0]["reason"]
    assert (await states(world, NOTIFIED))[0] == "failed"


@pytest.mark.requirement("GEN-03")
async def test_many_mails_go_over_one_connection(world: World) -> None:
    """Connecting anew for each would be slow, and rude to the server."""
    handle, _ = await submit(world)
    await confirm(handle)
    await decide(handle, Decision.APPROVE)
    await eventually(lambda: len(world.mails.mails) == 7)
    assert len(world.mails.connections) == 1


@pytest.mark.requirement("GEN-03")
async def test_a_connection_that_the_server_has_closed_meanwhile_costs_no_try(world: World) -> None:
    """Servers hang up on idle clients; the mail goes out over a new connection at once."""
    handle, _ = await submit(world)
    await world.mails_to(APPLICANT, 1)
    world.mails.stop()
    world.mails.start()
    await confirm(handle)
    await eventually(lambda: len(world.mails.mails) == 3)
    assert {row.attempts for row in await ledger(world)} == {1}


@pytest.mark.requirement("GEN-03")
async def test_a_step_posts_each_recipients_mail_once(world: World) -> None:
    """A step that runs again queues nothing twice."""
    posting = Posting(tenant_id=TENANT, procedure_id=PROCEDURE, step="x", at=await world.clock.now())
    letter = Letter(mail=Template.APPLICATION_COMPLETED, recipient=APPLICANT, language=Language.JA)
    for _ in range(2):
        async with world.database.transaction(TENANT) as connection:
            await post(connection, posting, [letter])
    assert len(await ledger(world)) == 1
