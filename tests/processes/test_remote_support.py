"""Remote support of a UTM, from the desk's request to the device's last word (RSA-01…07)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, select

from api import utms
from api.context import Context
from api.device_input import ResultInput
from api.device_results import deliver_result
from api.remote_support import end_all_of
from models.tables.procedures import AuditEntry, Mail
from tests.devices import make_devices
from tests.page_reader import heading, hidden
from tests.support_desk import CREDENTIALS, DESK, HANAKO, TARO, URL, Desk
from tests.world import TENANT

MOMENT = timedelta(seconds=5)


@pytest.fixture
def desk(support_desk: Desk) -> Desk:
    return support_desk


@pytest.mark.requirement("RSA-01", "RSA-02", "RSA-03", "RSA-04", "RSA-05", "RSA-07")
async def test_a_session_from_the_request_to_its_end_by_an_administrator(desk: Desk) -> None:
    """Both sides get its id and password; the administrator's button ends it, the device stops, the secret is gone."""
    request_id = await desk.running()
    asked = await desk.mail(TARO, "承認のお願い")
    assert all(part in asked.text for part in ("本社 1階", "東京都港区虎ノ門1-2-3", "通信が遅い", "佐藤 花子"))
    assert "承認されました" in (await desk.mail(DESK, "承認依頼の結果")).text
    for address in (TARO, HANAKO, DESK):
        mail = await desk.mail(address, "リモートサポートを開始しました")
        assert CREDENTIALS["session_id"] in mail.text
        assert CREDENTIALS["password"] in mail.text
        html = mail.message.get_body(("html",)).get_content()
        assert "C4nary&lt;&amp;&gt;&quot;&#x27;Pa55" in html
    link = f"/links/{(await desk.mail(HANAKO, 'リモートサポートを開始しました')).token}"
    page = await desk.api.get(link)
    assert (await desk.api.head(link)).status_code == 200
    assert (await desk.read(request_id))["state"] == "running"
    for answer in (await desk.api.post(link, data=hidden(page)), await desk.api.post(link, data=hidden(page))):
        assert (answer.status_code, heading(answer)) == (200, "リモートサポートは終了しています")
    shown = await desk.read(request_id)
    assert (shown["state"], shown["ended_by"], shown["decided_by"]) == ("ended", "administrator", "山田 太郎")
    assert await desk.credentials() == [None]
    for address in (TARO, HANAKO, DESK):
        assert "お客さま企業の管理者" in (await desk.mail(address, "リモートサポートが終了しました")).text
    await desk.stopped()
    await desk.over(request_id)
    assert (await desk.read(request_id))["stopped_at"] is not None
    procedure = f"remote-support-{TENANT}-{request_id}"
    assert await desk.world.timeline(procedure) == [
        "remote_support_requested",
        "approver_approved",
        "remote_support_starting",
        "remote_support_device_started",
        "remote_support_device_succeeded",
        "remote_support_ended",
        "remote_support_device_succeeded",
    ]
    async with desk.world.database.transaction(TENANT) as connection:
        facts = await connection.execute(
            select(AuditEntry.actor, AuditEntry.detail).where(
                AuditEntry.what.in_(("approver_approved", "remote_support_ended"))
            )
        )
        assert [(fact.actor.partition(":")[0], fact.detail["from"]) for fact in facts] == [
            ("approver", "127.0.0.1"),
            ("administrator", "127.0.0.1"),
        ]


@pytest.mark.requirement("RSA-05")
async def test_a_session_ends_at_its_time_and_no_earlier(desk: Desk, staff: dict[str, str]) -> None:
    """Two hours after its start, and not by whoever was an administrator; the desk's own end comes too late then."""
    request_id = await desk.running()
    shown = await desk.read(request_id)
    ends_at = datetime.fromisoformat(shown["ends_at"])
    assert ends_at - datetime.fromisoformat(shown["started_at"]) == timedelta(hours=2)
    refused = (await desk.ask()).json()
    assert (refused["code"], refused["state"]) == ("remote_support_open", "running")
    link = f"/links/{(await desk.mail(HANAKO, 'リモートサポートを開始しました')).token}"
    button = hidden(await desk.api.get(link))
    await desk.remove(HANAKO, staff)
    for answer in (await desk.api.post(link, data=button), await desk.api.get(link)):
        assert (answer.status_code, heading(answer)) == (410, "このリンクは取り消されています")
    await desk.world.advance_to(ends_at - MOMENT)
    assert (await desk.read(request_id))["state"] == "running"
    await desk.world.advance_to(ends_at)
    assert (await desk.becomes(request_id, "ended"))["ended_by"] == "duration"
    assert (await desk.tell(request_id, "end")).status_code == 409
    assert await desk.credentials() == [None]
    shorter = await desk.ask(duration_minutes=30)
    assert shorter.status_code == 201
    assert (await desk.read(shorter.json()["request_id"]))["duration_minutes"] == 30


@pytest.mark.requirement("RSA-03")
async def test_a_device_that_does_not_answer_is_told_three_times(desk: Desk) -> None:
    """A quarter of an hour each; what it says of an attempt that was given up is refused, and both sides are told."""
    request_id = await desk.asked()
    await desk.approve()
    commands = []
    for attempt in (1, 2, 3):
        command = await desk.command()
        assert command is not None
        commands.append(command["command_id"])
        begun = datetime.fromisoformat(command["issued_at"])
        await desk.world.advance_to(begun + timedelta(minutes=15) - MOMENT)
        assert (await desk.read(request_id))["attempts"] == attempt
        await desk.world.advance_to(begun + timedelta(minutes=15))
    assert len(set(commands)) == 3
    shown = await desk.becomes(request_id, "failed")
    assert (shown["ended_by"], shown["attempts"]) == ("not_started", 3)
    for address in (TARO, HANAKO, DESK):
        assert "応答しなかった" in (await desk.mail(address, "リモートサポートを開始できませんでした")).text
    late = await desk.result(commands[0], "succeeded", **CREDENTIALS)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    assert await desk.credentials() == [None]
    await desk.over(request_id)
    assert (await desk.ask()).status_code == 201


@pytest.mark.requirement("RSA-03")
async def test_a_device_that_fails_is_told_again_and_may_succeed(desk: Desk) -> None:
    """After a short pause; a start without the session's id and password is refused by the names of what is missing."""
    request_id = await desk.asked()
    await desk.approve()
    first = await desk.command()
    assert first is not None
    nameless = await desk.result(first["command_id"], "succeeded", session_id="483")
    assert [error["field"] for error in nameless.json()["errors"]] == ["password"]
    spaced = await desk.result(first["command_id"], "succeeded", session_id="483", password="two words")
    assert spaced.status_code == 422
    assert "two words" not in spaced.text
    assert (await desk.result(first["command_id"], "failed", detail="no agent")).status_code == 200
    assert await desk.command(wait=0) is None
    await desk.world.advance(seconds=10)
    second = await desk.command()
    assert second is not None
    assert second["command_id"] != first["command_id"]
    assert (await desk.result(second["command_id"], "succeeded", **CREDENTIALS)).status_code == 200
    assert (await desk.result(second["command_id"], "succeeded", **CREDENTIALS)).status_code == 200
    shown = await desk.read(request_id)
    assert (shown["state"], shown["attempts"]) == ("running", 2)
    assert len([mail for mail in desk.world.mails.to(DESK) if "開始しました" in mail.subject]) <= 1
    keyed = desk.device.headers | {"Idempotency-Key": "1"}
    for _ in range(2):
        ended = await desk.api.post("/v1/device/remote-support/end", headers=keyed)
        assert ended.json() == {"request_id": request_id, "state": "ended"}
        await desk.over(request_id)
    assert (await desk.read(request_id))["ended_by"] == "device"


@pytest.mark.requirement("RSA-03")
async def test_a_report_that_was_being_recorded_when_it_came_again_is_taken_alike(desk: Desk) -> None:
    """Or the device would close the session that it has just been told is running."""
    await desk.asked()
    await desk.approve()
    command = await desk.command()
    assert command is not None
    assert (await desk.result(command["command_id"], "started")).status_code == 200
    before = await desk.order(command["command_id"])
    assert (await desk.result(command["command_id"], "succeeded", **CREDENTIALS)).status_code == 200
    again = ResultInput.model_validate({"state": "succeeded", **CREDENTIALS})
    await deliver_result(desk.context, await desk.utm(), before, again)


@pytest.mark.requirement("RSA-05")
async def test_a_device_that_does_not_say_that_it_stopped_is_told_again_and_then_the_people_are(desk: Desk) -> None:
    request_id = await desk.running()
    ended = await desk.tell(request_id, "end")
    assert (ended.status_code, ended.json()["state"], ended.json()["ended_by"]) == (200, "ended", "desk")
    await desk.world.advance(minutes=46)
    await desk.over(request_id)
    for address in (TARO, HANAKO, DESK):
        await desk.mail(address, "停止を確認できません")
    assert (await desk.read(request_id))["stopped_at"] is None


@pytest.mark.requirement("RSA-05")
async def test_what_has_not_started_yet_is_ended_too(desk: Desk) -> None:
    """An order that the device has taken is not given again, and what came of it is stopped; another is taken back."""
    request_id = await desk.asked()
    await desk.approve()
    command = await desk.command()
    assert command is not None
    assert (await desk.tell(request_id, "end")).json()["state"] == "ended"
    late = await desk.result(command["command_id"], "succeeded", **CREDENTIALS)
    assert late.status_code == 409
    await desk.stopped()
    await desk.over(request_id)
    again = await desk.asked()
    await desk.approve()
    await desk.becomes(again, "starting")
    assert (await desk.tell(again, "end")).status_code == 200
    assert await desk.command(wait=0) is None
    assert (await desk.read(again))["started_at"] is None


@pytest.mark.requirement("RSA-02", "APR-06")
async def test_denied_expired_or_withdrawn_the_device_hears_nothing(desk: Desk) -> None:
    """The desk is told of the first two; each leaves room for another request."""
    denied = await desk.asked()
    assert (await desk.ask()).json()["code"] == "remote_support_open"
    await desk.approve("deny")
    assert (await desk.read(denied))["state"] == "denied"
    assert "否認されました" in (await desk.mail(DESK, "承認依頼の結果")).text
    await desk.over(denied)
    withdrawn = await desk.asked()
    assert (await desk.tell(withdrawn, "withdraw")).json()["state"] == "withdrawn"
    assert (await desk.tell(withdrawn, "withdraw")).status_code == 409
    await desk.over(withdrawn)
    expired = await desk.asked()
    shown = await desk.read(expired)
    deadline = datetime.fromisoformat(shown["approval_deadline"])
    assert deadline - datetime.fromisoformat(shown["requested_at"]) == timedelta(hours=24)
    await desk.world.advance_to(deadline - MOMENT)
    assert (await desk.read(expired))["state"] == "awaiting_approval"
    await desk.world.advance_to(deadline)
    await desk.becomes(expired, "expired")
    assert await desk.command(wait=0) is None
    assert (await desk.tell(expired, "end")).status_code == 409


@pytest.mark.requirement("RSA-01", "RSA-02")
async def test_nobody_is_worn_down_by_requests(support_desk_in_earnest: Desk) -> None:
    """Three an hour for one UTM, and none in the hour after a denial; a repeated request is still the same one."""
    desk = support_desk_in_earnest
    for _ in range(3):
        request_id = await desk.asked()
        await desk.link()
        await desk.tell(request_id, "withdraw")
    fourth = await desk.ask()
    assert (fourth.status_code, fourth.json()["code"]) == (429, "too_many_requests")
    assert 3000 < int(fourth.headers["Retry-After"]) <= 3600
    await desk.world.advance(seconds=int(fourth.headers["Retry-After"]))
    headers = desk.operator | {"Idempotency-Key": "denied"}
    body = {"utm_id": desk.device.utm_id, "reason": "通信が遅い", "desk_operator": "佐藤 花子"}
    asked = await desk.api.post(URL, json=body, headers=headers)
    desk.times_asked += 1
    await desk.approve("deny")
    assert (await desk.becomes(asked.json()["request_id"], "denied"))["decided_by"] == "山田 太郎"
    assert (await desk.api.post(URL, json=body, headers=headers)).json() == asked.json()
    denied = await desk.ask()
    assert (denied.status_code, denied.json()["code"]) == (429, "remote_support_denied")
    await desk.world.advance(seconds=int(denied.headers["Retry-After"]) - 5)
    assert (await desk.ask()).status_code == 429
    await desk.world.advance(seconds=5)
    assert (await desk.ask()).status_code == 201


@pytest.mark.requirement("RSA-06")
async def test_a_session_begun_at_the_device_needs_no_approval(desk: Desk) -> None:
    """Both sides are mailed; the same report again is the same session, another one is refused while it is open."""
    url, headers = "/v1/device/remote-support", desk.device.headers | {"Idempotency-Key": "by-hand"}
    body = CREDENTIALS | {"started_by": "現地 次郎"}
    waiting = await desk.asked()
    begun = await desk.api.post(url, json=body, headers=headers)
    assert (begun.status_code, begun.json()["state"]) == (201, "running"), begun.text
    assert (await desk.api.post(url, json=body, headers=headers)).json() == begun.json()
    another = await desk.api.post(url, json=body, headers=desk.device.headers)
    assert (another.status_code, another.json()["code"]) == (409, "remote_support_open")
    for address in (TARO, HANAKO, DESK):
        mail = await desk.mail(address, "リモートサポートを開始しました")
        assert "現地 次郎" in mail.text
        assert CREDENTIALS["password"] in mail.text
    await desk.approve()  # of what the desk had asked for before: the device is busy
    assert (await desk.becomes(waiting, "failed"))["ended_by"] == "busy"
    assert (await desk.tell(begun.json()["request_id"], "end")).status_code == 200
    await desk.stopped()
    assert (await desk.world.timeline(f"remote-support-{TENANT}-{begun.json()['request_id']}"))[:3] == [
        "remote_support_begun_at_device",
        "remote_support_device_succeeded",
        "remote_support_ended",
    ]


@pytest.mark.requirement("RSA-04")
async def test_a_password_that_could_not_be_mailed_in_time_never_is(desk: Desk) -> None:
    """The mail waits for its server; the session's end leaves it unsent, and the ledger never had the password."""
    request_id = await desk.asked()
    await desk.approve()
    command = await desk.command()
    assert command is not None
    desk.world.mails.answer = lambda recipient: "451 later" if recipient == DESK else None
    await desk.result(command["command_id"], "succeeded", **CREDENTIALS)
    await desk.mail(TARO, "リモートサポートを開始しました")
    await desk.tell(request_id, "end")
    desk.world.mails.answer = lambda _: None
    await desk.world.advance(minutes=40)
    await desk.mail(DESK, "リモートサポートが終了しました")
    assert not [mail for mail in desk.world.mails.to(DESK) if "開始しました" in mail.subject]
    async with desk.world.database.transaction(TENANT) as connection:
        rows = (await connection.execute(select(Mail.template, Mail.text, Mail.html, Mail.values))).all()
    told = [row for row in rows if row.template.startswith("remote_support_session")]
    assert [CREDENTIALS["password"] in f"{row.text}{row.html}{row.values}" for row in told] == [False] * 3
    assert any("withheld-session-password" in str(row.text) for row in told)


@pytest.mark.requirement("RSA-04")
async def test_a_password_is_not_mailed_to_who_is_no_administrator_any_more(desk: Desk, staff: dict[str, str]) -> None:
    """Also when the mail had been waiting for its server since before."""
    await desk.asked()
    await desk.approve()
    command = await desk.command()
    assert command is not None
    desk.world.mails.answer = lambda recipient: "451 later" if recipient in (HANAKO, DESK) else None
    await desk.result(command["command_id"], "succeeded", **CREDENTIALS)
    await desk.mail(TARO, "リモートサポートを開始しました")
    await desk.remove(HANAKO, staff)
    desk.world.mails.answer = lambda _: None
    await desk.world.advance(minutes=40)
    await desk.mail(DESK, "リモートサポートを開始しました")
    assert not [mail for mail in desk.world.mails.to(HANAKO) if "開始しました" in mail.subject]


@pytest.mark.requirement("RSA-01", "UTM-04")
async def test_what_cannot_be_asked_for(desk: Desk, staff: dict[str, str]) -> None:
    """Unknown devices, two at once, a customer without anybody to approve; and with its deletion a request ends."""
    assert (await desk.ask(utm_id="0123456789ab")).status_code == 404
    wrong = await desk.ask(reason="", desk_operator=None, duration_minutes=0)
    fields = {error["field"] for error in wrong.json()["errors"]}
    assert fields == {"reason", "desk_operator", "duration_minutes"}
    assert (await desk.api.post(URL, json={}, headers=staff)).status_code == 403
    both = sorted(await asyncio.gather(desk.ask(), desk.ask()), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in both] == [201, 409]
    assert both[1].json()["code"] == "remote_support_open"
    request_id = both[0].json()["request_id"]
    assert (await desk.api.delete(desk.device.url, headers=staff)).status_code == 204
    await desk.over(request_id)
    assert (await desk.read(request_id))["state"] == "withdrawn"
    assert "取り下げ" in (await desk.mail(DESK, "承認依頼の結果")).text  # by others: the desk would go on waiting
    [lonely] = await make_devices(desk.world.database, await desk.world.clock.now())
    body = {"utm_id": lonely.utm_id, "reason": "通信が遅い", "desk_operator": "佐藤 花子"}
    headers = desk.operator | {"Idempotency-Key": "lonely"}
    assert (await desk.api.post(URL, json=body, headers=headers)).json()["code"] == "no_administrators"
    url = f"/v1/tenants/{TENANT}/customers/{lonely.customer_id}/administrators"
    await desk.api.post(url, json={"name": "山田 太郎", "mail_address": TARO}, headers=staff)
    assert (await desk.api.post(URL, json=body, headers=headers)).status_code == 201


@pytest.mark.requirement("UTM-04")
async def test_what_is_asked_for_while_its_utm_is_being_deleted_ends_too(
    desk: Desk, staff: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not there yet when all was ended that was open, and the UTM still was when it came."""
    asked = list[str]()

    async def end_and_be_asked(context: Context, utm: Row[Any], *, actor: str) -> None:
        await end_all_of(context, utm, actor=actor)
        if not asked:
            asked.append(await desk.asked())

    monkeypatch.setattr(utms, "end_all_of", end_and_be_asked)
    assert (await desk.api.delete(desk.device.url, headers=staff)).status_code == 204
    assert (await desk.read(asked[0]))["state"] == "withdrawn"


@pytest.mark.requirement("GEN-08")
async def test_an_operator_ends_a_session_with_its_procedure(desk: Desk) -> None:
    request_id = await desk.running()
    procedure_id = f"remote-support-{TENANT}-{request_id}"
    await desk.world.client.get_workflow_handle(procedure_id).cancel()
    assert (await desk.becomes(request_id, "ended"))["ended_by"] == "operator"


@pytest.mark.requirement("GEN-08")
async def test_an_operator_ends_a_request_with_its_procedure(desk: Desk) -> None:
    """Nobody has decided yet, and nobody can any more."""
    request_id = await desk.asked()
    link = await desk.link()
    await desk.world.client.get_workflow_handle(f"remote-support-{TENANT}-{request_id}").cancel()
    await desk.becomes(request_id, "withdrawn")
    assert (await desk.api.get(link)).status_code == 410


@pytest.mark.requirement("RSA-02", "APR-05")
async def test_an_administrator_lets_a_colleague_decide(desk: Desk) -> None:
    request_id = await desk.asked()
    link = await desk.link()
    page = await desk.api.get(link)
    named = await desk.api.post(link, data=hidden(page, 1) | {"delegate_to": "ken@minato.example"})
    assert heading(named) == "別の方に判断を任せました"
    await desk.mail("ken@minato.example", "承認のお願い")
    assert "approval_delegated" in await desk.world.timeline(f"remote-support-{TENANT}-{request_id}")
