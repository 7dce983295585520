"""Personal invitations, on the real engine, just before and just after the deadline."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from api.context import Context
from api.invitation import find_open_invitation
from api.personal_invitations import note_opened
from models.refusals import LinkExpired, LinkUsed, LinkWithdrawn
from models.tables.procedures import AuditEntry, Mail, Procedure
from models.vocabulary import OperatorAction
from tests.api.test_service_application import FORM
from tests.page_reader import heading
from tests.world import PATIENCE, TENANT, World, eventually

URL = f"/v1/tenants/{TENANT}/invitations"
GUEST = "ichiro@minato.example"


async def invite(api: AsyncClient, staff: dict[str, str], address: str = GUEST) -> dict[str, Any]:
    answer = await api.post(URL, json={"mail_address": address, "name": "山田　一郎"}, headers=staff)
    assert answer.status_code == 201, answer.text
    invitation: dict[str, Any] = answer.json()
    return invitation


async def shown(api: AsyncClient, staff: dict[str, str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(URL, headers=staff)).json()["items"]
    return items


async def token_of(world: World, count: int = 1, address: str = GUEST) -> str:
    await world.mails_to(address, count)
    return world.mails.to(address)[count - 1].token


def workflow(world: World, invitation: dict[str, Any]) -> Any:
    return world.client.get_workflow_handle(procedure_id(invitation))


def procedure_id(invitation: dict[str, Any]) -> str:
    return f"personal-invitation-{TENANT}-{invitation['invitation_id']}"


async def result(world: World, invitation: dict[str, Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await workflow(world, invitation).result()


async def needs_operator(world: World) -> bool:
    async with world.database.transaction(TENANT) as connection:
        return (await connection.execute(select(Procedure.attention))).scalar_one() is not None


@pytest.mark.requirement("APP-18")
async def test_an_invitation_is_mailed_with_a_link_of_its_own(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """It greets the person; the link is in the mail and in no answer."""
    invitation = await invite(api, staff)
    token = await token_of(world)
    [mail] = world.mails.mails
    assert "山田　一郎 様" in mail.text
    assert f"/apply/{token}" in mail.link
    assert (invitation["state"], invitation["mail_address"]) == ("sent", GUEST)
    assert token not in (await api.get(URL, headers=staff)).text
    assert await shown(api, staff) == [invitation]


@pytest.mark.requirement("APP-18")
async def test_it_is_good_for_one_application(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """Answered, it is over at once: for staff, for the link, and for its procedure."""
    invitation = await invite(api, staff)
    token = await token_of(world)
    answers = await asyncio.gather(*(api.post(f"/v1/apply/{token}", json=FORM) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410]
    number = next(answer.json()["application_number"] for answer in answers if answer.status_code == 201)
    [now] = await shown(api, staff)
    assert (now["state"], now["application_number"]) == ("applied", number)
    assert await result(world, invitation) == "applied"
    assert await world.timeline(procedure_id(invitation)) == ["invitation_sent", "invitation_applied"]
    assert (await world.standing(procedure_id(invitation)))[0] == "applied"
    late = await api.post(f"/v1/apply/{token}", json=FORM)
    assert (late.status_code, late.json()["code"]) == (410, "link_used")
    for refused in (
        await api.delete(f"{URL}/{invitation['invitation_id']}", headers=staff),
        await api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff),
    ):
        assert (refused.status_code, refused.json()["state"]) == (409, "applied")


@pytest.mark.requirement("APP-18", "GEN-09")
async def test_it_expires_after_thirty_days_and_an_application_in_the_last_second_counts(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    first, second = await invite(api, staff), await invite(api, staff, "jiro@minato.example")
    token = await token_of(world, address="jiro@minato.example")
    deadline = datetime.fromisoformat(first["expires_at"])
    await world.advance_to(deadline - timedelta(seconds=3))
    in_time = await api.post(f"/v1/apply/{await token_of(world)}", json=FORM)
    assert in_time.status_code == 201
    await world.advance_to(datetime.fromisoformat(second["expires_at"]))
    with pytest.raises(LinkExpired):
        await find_open_invitation(context, token)
    for page in (await api.get(f"/apply/{token}"), await api.post(f"/apply/{token}", data={})):
        assert (page.status_code, heading(page)) == (410, "リンクの有効期限が切れています")
        assert "招待の再送をご依頼ください" in page.text
    assert await result(world, second) == "expired"
    assert {one["mail_address"]: one["state"] for one in await shown(api, staff)} == {
        GUEST: "applied",
        "jiro@minato.example": "expired",
    }


@pytest.mark.requirement("APP-18")
async def test_a_resend_gives_a_fresh_link_and_fresh_days_also_after_the_expiry(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Every older link is dead from then on."""
    invitation = await invite(api, staff)
    first = await token_of(world)
    await world.advance(days=29)
    again = await api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff)
    assert again.status_code == 200, again.text
    assert datetime.fromisoformat(again.json()["expires_at"]) - await world.clock.now() > timedelta(days=29)
    with pytest.raises(LinkWithdrawn):
        await find_open_invitation(context, first)
    second = await token_of(world, 2)
    await world.advance(days=29)
    assert (await find_open_invitation(context, second)).invitation_id == invitation["invitation_id"]
    await world.advance(days=2)
    assert await result(world, invitation) == "expired"
    revived = await api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff)
    assert (revived.status_code, revived.json()["state"]) == (200, "sent")
    third = await token_of(world, 3)
    assert (await api.post(f"/v1/apply/{third}", json=FORM)).status_code == 201
    assert await result(world, invitation) == "applied"
    assert await world.timeline(procedure_id(invitation)) == [
        "invitation_sent",
        "invitation_resent",
        "invitation_expired",
        "invitation_resent",
        "invitation_applied",
    ]


@pytest.mark.requirement("APP-18")
async def test_withdrawn_its_link_is_dead_at_once(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Withdrawing again changes nothing; it cannot be sent again."""
    invitation = await invite(api, staff)
    token = await token_of(world)
    for _ in range(2):
        answer = await api.delete(f"{URL}/{invitation['invitation_id']}", headers=staff)
        assert answer.status_code == 204
    with pytest.raises(LinkWithdrawn):
        await find_open_invitation(context, token)
    assert await result(world, invitation) == "withdrawn"
    again = await api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff)
    assert (again.status_code, again.json()["state"]) == (409, "withdrawn")


@pytest.mark.requirement("APP-18", "GEN-06")
async def test_opened_is_what_somebody_does_and_not_that_a_link_was_fetched(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """A scanner's GET leaves no mark; the first button pressed in the form does, once; a resend clears it."""
    invitation = await invite(api, staff)
    token = await token_of(world)
    assert (await api.get(f"/apply/{token}")).status_code == 200
    assert [one["state"] for one in await shown(api, staff)] == ["sent"]
    await api.post(f"/apply/{token}", data={"add": "utm_destinations"})
    assert [one["state"] for one in await shown(api, staff)] == ["opened"]
    invited = await find_open_invitation(context, token)
    await asyncio.gather(note_opened(context, invited), note_opened(context, invited))
    assert await world.timeline(procedure_id(invitation)) == ["invitation_sent", "invitation_opened"]
    await api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff)
    assert [one["state"] for one in await shown(api, staff)] == ["sent"]


@pytest.mark.requirement("APP-18", "APP-14")
async def test_of_a_withdrawal_and_an_application_at_once_one_wins(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Whoever loses is told; the clock still jumps afterwards."""
    invitation = await invite(api, staff)
    token = await token_of(world)
    applied, withdrawn = await asyncio.gather(
        api.post(f"/v1/apply/{token}", json=FORM),
        api.delete(f"{URL}/{invitation['invitation_id']}", headers=staff),
    )
    assert (applied.status_code, withdrawn.status_code) in {(201, 409), (410, 204)}
    [now] = await shown(api, staff)
    assert now["state"] == ("applied" if applied.status_code == 201 else "withdrawn")
    assert await result(world, invitation) == now["state"]
    async with asyncio.timeout(20):
        await world.advance(days=31)


@pytest.mark.requirement("GEN-08")
async def test_a_refused_mail_waits_for_an_operator_until_it_is_not_wanted_any_more(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """A resend and the expiry drop the question; the ledger says what was left unsent."""
    world.mails.answer = lambda _: "550 no such mailbox"
    invitation = await invite(api, staff)

    await eventually(lambda: needs_operator(world))
    world.mails.answer = lambda _: None
    await api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff)
    await token_of(world)
    await world.advance(minutes=1)
    assert not await needs_operator(world)
    async with world.database.transaction(TENANT) as connection:
        states = (await connection.execute(select(Mail.state).order_by(Mail.sequence))).scalars().all()
    assert states == ["skipped", "sent"]


@pytest.mark.requirement("GEN-08")
async def test_an_operators_end_withdraws_it(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    world.mails.answer = lambda _: "550 no such mailbox"
    invitation = await invite(api, staff)

    await eventually(lambda: needs_operator(world))
    command = {"command_id": "1", "actor": "operator", "action": OperatorAction.END, "reason": "no such mailbox"}
    await workflow(world, invitation).execute_update("resolve", command)
    await result(world, invitation)
    assert [one["state"] for one in await shown(api, staff)] == ["withdrawn"]


@pytest.mark.requirement("GEN-04", "GEN-03")
async def test_the_same_request_invites_once_and_the_audit_log_has_no_address(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    key = {**staff, "Idempotency-Key": "invite-1"}
    answers = await asyncio.gather(*(api.post(URL, json={"mail_address": GUEST}, headers=key) for _ in range(2)))
    assert answers[0].json() == answers[1].json()
    await token_of(world)
    assert len(await shown(api, staff)) == 1
    async with world.database.transaction(TENANT) as connection:
        entries = (await connection.execute(select(AuditEntry.__table__))).all()
    assert [entry.what for entry in entries].count("invitation_sent") == 1
    assert not [entry for entry in entries if "@" in str(entry)]
    assert len(world.mails.mails) == 1


@pytest.mark.requirement("APP-18")
async def test_a_used_link_says_that_it_is_used(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    await invite(api, staff)
    token = await token_of(world)
    assert (await api.post(f"/v1/apply/{token}", json=FORM)).status_code == 201
    with pytest.raises(LinkUsed):
        await find_open_invitation(context, token)
