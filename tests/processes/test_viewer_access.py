"""Viewer access, from a PC's request to the end of its credential (VWR-01…05)."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from api import customer_deletion
from api.authentication import Caller
from api.context import Context
from api.viewer_revocation import revoke_open
from models.clock import machine_time
from models.identifiers import VIEWER_REQUEST_NUMBER, Draw
from models.messages.viewer_access_steps import RedeemToken
from models.refusals import Unavailable
from models.tables.procedures import Mail
from tests.page_reader import text
from tests.viewer_pc import FINGERPRINT, JIRO, TARO, URL, ViewerPc
from tests.world import TENANT

SECOND = timedelta(seconds=1)
UNKNOWN = "A99999999"
ROUNDS = int(os.environ.get("TETSUZUKI_ALIKE_ROUNDS", "16"))
WRONG = (422, "wrong_token")


async def _ratio(asked: Callable[[str, int], Awaitable[None]], known: str) -> float:
    """How long the known company takes, to how long the unknown one does."""
    taken: dict[str, list[float]] = {known: [], UNKNOWN: []}
    for number in range(ROUNDS):
        for code in sorted(taken, reverse=bool(number.bit_count() % 2)):  # neither follows the other more often
            begun = time.perf_counter()
            await asked(code, number)
            taken[code].append(time.perf_counter() - begun)
    quick, other = (statistics.quantiles(taken[code], n=4)[0] for code in (known, UNKNOWN))
    return quick / other


def _procedure(request_id: str) -> str:
    return f"viewer-access-{TENANT}-{request_id}"


@pytest.mark.requirement("VWR-01", "VWR-02", "VWR-03", "VWR-04", "VWR-05")
async def test_a_pc_asks_is_approved_reads_and_is_revoked(viewer_pc: ViewerPc) -> None:
    """Who asks is shown to the administrator; the token is good once and on that PC, however it is typed."""
    pc = viewer_pc
    request_id, token = await pc.approved()
    page = await pc.api.get(f"/links/{pc.world.mails.to(TARO)[-1].token}")
    for shown in (pc.world.mails.to(TARO)[-1].text, text(page)):
        assert all(part in shown for part in ("閲覧 次郎", JIRO, "営業部", "EIGYO-PC-03"))
    listed = (await pc.api.get(pc.viewers_url, headers=pc.staff)).json()["items"]
    assert [(one["viewer_id"], one["state"]) for one in listed] == [(request_id, "token_sent")]
    assert await pc.refusal(request_id, token, pc="another PC") == WRONG
    assert await pc.refusal(request_id, "AAAA-BBBB-CCCC-DDDD") == WRONG
    typed = token.replace("-", " ").lower()
    first = await pc.enter(request_id, typed, key="enter")
    assert first.status_code == 200, first.text
    credential = first.json()["credential"]
    assert (await pc.enter(request_id, typed, key="enter")).json() == first.json()
    assert await pc.refusal(request_id, token) == (410, "token_used")
    shown = (await pc.read(credential)).json()
    assert shown["company"]["customer_id"] == pc.customer_id
    assert [(utm["name"], utm["connection"]) for utm in shown["utms"]] == [("本社 1階", "never_connected")]
    for wrong in (await pc.read(credential, "another PC"), await pc.read(credential[:-1] + "x"), await pc.read("")):
        assert wrong.status_code == 401
    assert len(pc.world.mails.to(JIRO)) == 1
    for status in (204, 404):
        assert (await pc.api.delete(f"{pc.viewers_url}/{request_id}", headers=pc.staff)).status_code == status
    assert (await pc.read(credential)).status_code == 401
    assert (await pc.api.get(pc.viewers_url, headers=pc.staff)).json()["total"] == 0
    assert await pc.world.timeline(_procedure(request_id)) == [
        "viewer_requested",
        "approver_approved",
        "viewer_token_sent",
        "viewer_allowed",
        "viewer_revoked",
    ]


@pytest.mark.requirement("VWR-02", "VWR-03")
async def test_denied_expired_or_withdrawn_the_person_gets_no_token(viewer_pc: ViewerPc) -> None:
    """Nor when an operator ends it. Of the first two they are told, without a name; seven days are the deadline."""
    pc = viewer_pc
    denied = await pc.asked()
    await pc.decide("deny", reason="退職者のPCです")
    await pc.world.mails_to(JIRO, 1)
    mail = pc.world.mails.to(JIRO)[0]
    assert "否認" in mail.subject
    assert "退職者のPCです" in mail.text
    assert "山田" not in mail.text
    withdrawn = await pc.asked()
    assert (await pc.withdraw(withdrawn, "another PC")).status_code == 204
    await pc.becomes(withdrawn, "awaiting_approval")
    for _ in range(2):
        assert (await pc.withdraw(withdrawn)).status_code == 204
    await pc.becomes(withdrawn, "withdrawn")
    ended = await pc.asked()
    await pc.world.client.get_workflow_handle(_procedure(ended)).cancel()
    await pc.becomes(ended, "ended")
    expired = await pc.asked()
    asked_at = (await pc.row(expired)).requested_at
    await pc.world.advance_to(asked_at + timedelta(days=7) - SECOND)
    assert (await pc.row(expired)).state == "awaiting_approval"
    await pc.world.advance_to(asked_at + timedelta(days=7))
    await pc.becomes(expired, "expired")
    await pc.world.mails_to(JIRO, 2)
    assert "期限切れ" in pc.world.mails.to(JIRO)[1].subject
    for request_id in (denied, withdrawn, ended, expired, Draw().opaque_id()):
        assert await pc.refusal(request_id, pc.context.link_key.viewer_token(request_id)) == WRONG


@pytest.mark.requirement("VWR-03", "VWR-04")
async def test_a_token_lives_a_day_and_ten_tries(viewer_pc: ViewerPc, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenth may be right, and the eleventh not; a second before its day is over it is good, and then no longer.

    A right one that nobody is there to take is not counted.
    """
    pc = viewer_pc
    request_id, token = await pc.approved()
    assert {await pc.refusal(request_id, "wrong") for _ in range(9)} == {WRONG}
    with monkeypatch.context() as outage:
        outage.setattr(pc.context.commands, "send", _nobody_there)
        assert await pc.refusal(request_id, token) == (503, "unavailable")
    assert (await pc.enter(request_id, token)).status_code == 200
    tried, token = await pc.approved()
    answers = await asyncio.gather(*(pc.refusal(tried, "wrong") for _ in range(12)))
    assert sorted(answers) == [(410, "token_exhausted")] * 2 + [WRONG] * 10
    assert await pc.refusal(tried, token) == (410, "token_exhausted")
    late, token = await pc.approved()
    timely, good = await pc.approved()
    await pc.world.advance_to((await pc.row(timely)).token_expires_at - SECOND)
    assert (await pc.enter(timely, good)).status_code == 200
    await pc.world.advance_to((await pc.row(timely)).token_expires_at)
    assert await pc.refusal(late, token) == (410, "token_expired")
    await pc.becomes(late, "token_expired")
    assert await pc.refusal(late, token) == (410, "token_expired")


@pytest.mark.requirement("VWR-03")
async def test_a_token_that_could_not_be_mailed_in_time_never_is(viewer_pc: ViewerPc) -> None:
    """Its day begins with the approval; nobody is mailed what is good for nothing any more."""
    pc = viewer_pc
    pc.world.mails.answer = lambda recipient: "451 later" if recipient == JIRO else None
    request_id = await pc.asked()
    approved_at = await pc.world.clock.now()
    await pc.decide("approve")
    await pc.becomes(request_id, "token_sent")
    expires_at = (await pc.row(request_id)).token_expires_at
    assert timedelta() <= expires_at - approved_at - timedelta(days=1) < timedelta(minutes=1)
    await pc.world.advance_to(expires_at)
    await pc.becomes(request_id, "token_expired")
    pc.world.mails.answer = lambda _: None
    await pc.world.advance(hours=1)
    assert pc.world.mails.to(JIRO) == []


async def _nobody_there(*_: object) -> None:
    raise Unavailable(retry_after=1)


@pytest.mark.requirement("VWR-05")
async def test_what_nobody_uses_ends_after_180_days_and_a_notice(viewer_pc: ViewerPc) -> None:
    """Announced 14 days before, to the person and the administrators; a use within those begins the days anew."""
    pc = viewer_pc
    request_id, credential = await pc.allowed()
    allowed_at = (await pc.row(request_id)).last_used_at
    assert (await pc.read(credential)).status_code == 200
    assert (await pc.row(request_id)).last_used_at == allowed_at
    await pc.world.advance(hours=23)
    assert (await pc.read(credential)).status_code == 200
    used_at = (await pc.row(request_id)).last_used_at
    assert used_at >= allowed_at + timedelta(hours=23)
    mails = len(pc.world.mails.to(JIRO))
    await pc.world.advance_to(used_at + timedelta(days=166) - SECOND)
    assert len(pc.world.mails.to(JIRO)) == mails
    await pc.world.advance_to(used_at + timedelta(days=166))
    for address in (JIRO, TARO):
        await pc.world.mails_to(address, mails + 1)
        assert pc.world.mails.to(address)[-1].subject.endswith("閲覧許可がまもなく終了します：EIGYO-PC-03")
    await pc.world.advance_to(used_at + timedelta(days=180) - SECOND)
    assert (await pc.read(credential)).status_code == 200
    again = (await pc.row(request_id)).last_used_at
    assert again > used_at
    await pc.world.advance_to(again + timedelta(days=166))
    await pc.world.mails_to(JIRO, mails + 2)
    await pc.world.advance_to(again + timedelta(days=180) - SECOND)
    assert (await pc.row(request_id)).state == "allowed"
    await pc.world.advance_to(again + timedelta(days=180))
    assert (await pc.read(credential)).status_code == 401
    await pc.becomes(request_id, "unused")
    assert len(pc.world.mails.to(JIRO)) == mails + 2


@pytest.mark.requirement("VWR-01", "VWR-04")
async def test_an_unknown_company_and_an_unknown_request_look_and_take_alike(viewer_pc: ViewerPc) -> None:
    """The quick quarter of many, taken in turns: what a busy machine adds is no difference. Nobody is mailed."""
    pc = viewer_pc
    lacking = (await pc.api.post(URL, json={"department": "", "pc_fingerprint": FINGERPRINT})).json()["errors"]
    assert {error["field"] for error in lacking} == {"company_code", "name", "mail_address", "pc_name"}
    requests: dict[str, list[str]] = {pc.customer_id: [], UNKNOWN: []}

    async def ask(code: str, number: int) -> None:
        answer = await pc.ask(company_code=code, mail_address=f"jiro{number}@minato.example")
        requests[code].append(answer.json()["request_id"])
        assert (answer.status_code, answer.json()) == (202, {"request_id": requests[code][-1]})
        assert VIEWER_REQUEST_NUMBER.fullmatch(requests[code][-1])

    async def enter(code: str, number: int) -> None:
        assert await pc.refusal(requests[code][number], "wrong") == WRONG

    assert 0.6 < await _ratio(ask, pc.customer_id) < 1.6
    await pc.world.mails_to(TARO, ROUNDS)
    assert 0.6 < await _ratio(enter, pc.customer_id) < 1.6
    begun = time.perf_counter()
    assert (await pc.withdraw(Draw().opaque_id())).status_code == 204
    assert time.perf_counter() - begun > 0.4
    assert pc.world.mails.to(JIRO) == []


@pytest.mark.requirement("VWR-01", "VWR-05")
async def test_a_deleted_company_has_no_viewers(
    viewer_pc: ViewerPc, staff: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials are dead, requests lead nowhere, also one that comes meanwhile, and nothing of the people is left."""
    pc, meanwhile = viewer_pc, list[str]()

    async def revoke_and_be_asked(context: Context, tenant_id: str, customer_id: str, caller: Caller) -> None:
        await revoke_open(context, tenant_id, customer_id, caller)
        if not meanwhile:
            meanwhile.append(await pc.asked())
            await pc.becomes(meanwhile[0], "awaiting_approval")  # the mail was perhaps that of the revocation

    monkeypatch.setattr(customer_deletion, "revoke_open", revoke_and_be_asked)
    request_id, credential = await pc.allowed()
    pending = await pc.asked()
    customer = pc.viewers_url.removesuffix("/viewers")
    utm = (await pc.api.get(f"{customer}/utms", headers=staff)).json()["items"][0]["utm_id"]
    assert (await pc.api.delete(f"{customer}/utms/{utm}", headers=staff)).status_code == 204
    foreseen = (await pc.api.delete(f"{customer}?dry_run=true", headers=staff)).json()["consequences"]
    assert [one["detail"] for one in foreseen if one["what"] == "viewers_revoked"] == [{"count": 2}]
    deleted = await pc.api.delete(customer, headers=staff)
    assert deleted.status_code == 204, deleted.text
    assert (await pc.read(credential)).status_code == 401
    for one in (request_id, pending, *meanwhile):
        row = await pc.row(one)
        assert (row.state, row.name, row.mail_address, row.credential_digest) == ("revoked", "", "", None)
    async with pc.world.database.transaction(TENANT) as connection:
        told = await connection.execute(select(Mail.state).where(Mail.recipient.startswith("erased:")))
        assert set(told.scalars()) <= {"sent", "skipped"}
    assert (await pc.ask()).status_code == 202


@pytest.mark.requirement("GEN-02", "VWR-04")
async def test_a_token_whose_entry_was_given_up_is_not_used_up(viewer_pc: ViewerPc) -> None:
    """The PC was told that nothing was taken, and enters it again."""
    request_id, token = await viewer_pc.approved()
    late = RedeemToken(
        command_id="late", actor="viewer", credential_digest="0" * 64, good_until=machine_time() - timedelta(seconds=1)
    )
    handle = viewer_pc.world.client.get_workflow_handle(f"viewer-access-{TENANT}-{request_id}")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update("redeem", late, id="late")
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "unavailable"
    assert (await viewer_pc.enter(request_id, token)).status_code == 200
