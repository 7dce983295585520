"""Approvals by mailed link, on the real engine and by the real pages: first decision, deadlines, delegation, races."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import worker
from activities import registry
from activities.approval_rows import administrators
from activities.records import Records
from activities.smtp import SmtpCourier, SmtpServer
from models.database import Database
from models.identifiers import Draw
from models.links import LinkKey
from models.messages.procedure import Command, Identity
from models.tables.approvals import Administrator, Approval, Approver
from models.tables.procedures import Mail
from models.vocabulary import ProcedureKind
from settings import Settings
from tests.api.test_customers import CUSTOMERS, created
from tests.asking import Asking, AskingActivities, AskingStart
from tests.page_reader import errors, heading, hidden, soup, text
from tests.world import TENANT, World, eventually

TARO, HANAKO = "taro@minato.example", "hanako@minato.example"
DESK = "desk@support.example"
BOSS, KEN = "boss@minato.example", "ken@minato.example"
ELSEWHERE = "ebe@elsewhere.example"
DECISION, DELEGATION = 0, 1
MOMENT = timedelta(seconds=5)
ROUNDS = int(os.environ.get("TETSUZUKI_APPROVAL_RACES", "5"))
SCANS = int(os.environ.get("TETSUZUKI_APPROVAL_SCANS", "3"))


@dataclass
class Office:
    """A customer with two administrators, and somebody who asks them."""

    api: AsyncClient
    world: World
    staff: dict[str, str]
    customer_id: str
    asked: list[Identity] = field(default_factory=list)

    async def ask(self, *approvers: str, needed: int | None = None, escalation: tuple[str, ...] = ()) -> None:
        identity = Identity.of(ProcedureKind.RESTART, TENANT, Draw().opaque_id(), self.customer_id)
        now = await self.world.clock.now()
        start = AskingStart(
            identity=identity,
            step="ask",
            at=now,
            actor="operator",
            approvers=approvers,
            needed=needed,
            escalation=escalation,
        )
        await self.world.client.start_workflow(Asking.run, start, id=identity.procedure_id, task_queue="asking")
        self.asked.append(identity)

    async def withdraw(self) -> None:
        handle = self.world.client.get_workflow_handle(self.asked[-1].procedure_id)
        command = Command(command_id=Draw().opaque_id(), actor="operator")
        await handle.execute_update("withdraw", command, id=command.command_id)

    async def link(self, address: str, count: int = 1) -> str:
        await self.world.mails_to(address, count)
        return f"/links/{self.world.mails.to(address)[count - 1].token}"

    async def newest_link(self, address: str) -> str:
        """Of the question that was asked last."""

        def is_there() -> bool:
            return len(self._requests(address)) == len(self.asked)

        await eventually(is_there)
        return f"/links/{self._requests(address)[-1]}"

    def _requests(self, address: str) -> list[str]:
        return [mail.token for mail in self.world.mails.to(address) if "承認のお願い：" in mail.subject]

    async def press(self, link: str, form: int = DECISION, **fields: str) -> Response:
        """The button of one of the page's forms; of none, where the page has no more to press."""
        page = await self.api.get(link)
        return await self.api.post(link, data=(hidden(page, form) if soup(page).form else {}) | fields)

    async def due(self) -> list[datetime]:
        """When something happens by itself."""
        upcoming = (await self.world.standing(self.asked[-1].procedure_id))[2]
        return [datetime.fromisoformat(one["at"]) for one in upcoming]

    async def states(self) -> list[str]:
        async with self.world.database.transaction(TENANT) as connection:
            return list((await connection.execute(select(Approval.state).order_by(Approval.asked_at))).scalars())


@pytest.fixture
async def office(
    world: World,
    api: AsyncClient,
    staff: dict[str, str],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Office]:
    customer = await created(api, staff)
    url = f"{CUSTOMERS}/{customer['customer_id']}/administrators"
    for name, address in (("山田 太郎", TARO), ("鈴木 花子", HANAKO)):
        answer = await api.post(url, json={"name": name, "mail_address": address}, headers=staff)
        assert answer.status_code == 201, answer.text
    link_key = LinkKey(settings.link_key.get_secret_value().encode())
    asking = AskingActivities(Records(database=database, durations=settings.durations, link_key=link_key))
    known = registry.activities
    monkeypatch.setattr(worker, "WORKFLOWS", [Asking])
    monkeypatch.setattr(worker, "activities", lambda *given, **named: [*known(*given, **named), asking.record_question])
    courier = SmtpCourier(SmtpServer(host="127.0.0.1", port=world.mails.port, sender="no-reply@tetsuzuki.example"))
    elsewhere = settings.model_copy(update={"temporal_task_queue": "asking"})
    async with worker.make_worker(elsewhere, world.client, database=database, clock=world.clock, courier=courier):
        yield Office(api, world, staff, str(customer["customer_id"]))
    await courier.close()


@pytest.mark.requirement("APR-01", "APR-02", "APR-03")
async def test_the_first_decision_wins_and_everybody_is_told(office: Office) -> None:
    """Each approver has a link of their own; the page says what, by whom, for what; a second press changes nothing."""
    await office.ask()
    taro, hanako = await office.link(TARO), await office.link(HANAKO)
    assert taro != hanako
    page = await office.api.get(taro)
    assert all(part in text(page) for part in ("リモートサポートの開始", "佐藤 花子", "本社 1階", "通信が遅いため"))
    approved = await office.press(taro, decision="approve", reason="午後は空いています")
    for answer in (approved, await office.press(taro, decision="deny"), await office.press(hanako, decision="deny")):
        assert (answer.status_code, heading(answer)) == (200, "承認されました")
        assert "山田 太郎" in text(answer)
        assert "午後は空いています" in text(answer)
    assert await office.states() == ["approved"]
    assert (await office.world.mails_to(HANAKO, 2))[1].endswith("承認のお願いは終了しました：リモートサポートの開始")
    assert "山田 太郎" in office.world.mails.to(HANAKO)[1].text
    assert "承認されました" in (await office.world.mails_to(DESK, 1))[0]
    assert len(office.world.mails.to(TARO)) == 1
    procedure = office.asked[0].procedure_id
    assert await office.world.timeline(procedure) == ["asked", "approver_approved"]


@pytest.mark.requirement("APR-02", "GEN-06")
async def test_scanners_decide_nothing(office: Office) -> None:
    """Looks of all kinds, and the buttons of every form pressed without a choice, which the page answers in words."""
    await office.ask()
    link = await office.link(TARO)
    for _ in range(SCANS):
        assert (await office.api.head(link)).status_code == 200
        page = await office.api.get(link)
        assert not soup(page).select("[checked]")
        pressed = await office.press(link, DECISION)
        assert pressed.status_code == 422
        assert "まだ何も送信されていません" in text(pressed)
        assert (await office.press(link, DECISION, decision="perhaps", reason="おそらく")).status_code == 422
        empty = await office.press(link, DELEGATION, delegate_to="")
        assert (empty.status_code, list(errors(empty))) == (422, ["delegate_to"])
    assert await office.states() == ["pending"]
    assert len(office.world.mails.to(HANAKO)) == 1


@pytest.mark.requirement("APR-04")
async def test_reminder_escalation_and_end_come_at_their_time(office: Office) -> None:
    """Not a moment before; at the deadline nobody can decide any more, and all are told."""
    await office.ask(escalation=(BOSS,))
    link, world = await office.link(TARO), office.world
    half, late, end = await office.due()
    await world.advance_to(half - MOMENT)
    assert len(world.mails.to(TARO)) == 1
    await world.advance_to(half)
    assert (await world.mails_to(TARO, 2))[1].startswith("【みなとセキュリティ】承認をお待ちしています")
    assert await office.link(TARO, 2) == link
    await world.advance_to(late - MOMENT)
    assert world.mails.to(BOSS) == []
    await world.advance_to(late)
    boss = await office.link(BOSS)
    await world.advance_to(end - MOMENT)
    button = hidden(await office.api.get(boss))
    await world.advance_to(end)
    for answer in (await office.api.post(boss, data=button | {"decision": "approve"}), await office.api.get(link)):
        assert (answer.status_code, heading(answer)) == (410, "期限が過ぎました")

    async def has_expired() -> bool:  # the links die by the clock, and the record comes with the timer
        return await office.states() == ["expired"]

    await eventually(has_expired)
    for address, count in ((TARO, 3), (BOSS, 2), (DESK, 1)):
        await world.mails_to(address, count)
        assert "期限切れ" in world.mails.to(address)[-1].text


@pytest.mark.requirement("APR-01", "APR-04")
async def test_a_decision_just_before_the_deadline_counts(office: Office) -> None:
    """And after an early one nobody is reminded."""
    await office.ask()
    link = await office.link(TARO)
    end = (await office.due())[-1]
    await office.world.advance_to(end - MOMENT)
    assert heading(await office.press(link, decision="deny")) == "否認されました"
    await office.world.advance_to(end + MOMENT)
    assert await office.states() == ["denied"]
    await office.ask()
    again = await office.link(TARO, 3)
    await office.press(again, decision="approve")
    await office.world.advance(days=2)
    assert len(office.world.mails.to(TARO)) == 3


@pytest.mark.requirement("APR-01", "APR-03")
async def test_two_of_three_have_to_approve(office: Office) -> None:
    """One is not enough, and hears that others are waited for; with one denial two can still approve."""
    await office.ask(BOSS, needed=2)
    taro, hanako, boss = await office.link(TARO), await office.link(HANAKO), await office.link(BOSS)
    assert heading(await office.press(taro, decision="approve")) == "回答を受け付けました"
    assert heading(await office.press(taro, decision="deny")) == "回答を受け付けました"
    assert heading(await office.press(hanako, decision="deny")) == "回答を受け付けました"
    assert await office.states() == ["pending"]
    assert heading(await office.press(boss, decision="approve")) == "承認されました"
    assert heading(await office.api.get(hanako)) == "承認されました"


@pytest.mark.requirement("APR-05")
async def test_an_approver_lets_a_colleague_decide_once(office: Office) -> None:
    """Nobody from outside unless named an administrator, nobody who is asked anyway; the colleague goes no further."""
    await office.ask()
    link = await office.link(TARO)
    for wrong in (ELSEWHERE, "taro@minato.example.evil.example", HANAKO, "nobody"):
        refused = await office.press(link, DELEGATION, delegate_to=wrong)
        assert (refused.status_code, list(errors(refused))) == (422, ["delegate_to"]), wrong
    url = f"{CUSTOMERS}/{office.customer_id}/administrators"
    await office.api.post(url, json={"name": "江部 次郎", "mail_address": ELSEWHERE}, headers=office.staff)
    named = await office.press(link, DELEGATION, delegate_to=ELSEWHERE)
    assert (named.status_code, heading(named)) == (200, "別の方に判断を任せました")
    assert heading(await office.api.post(link, data={"decision": "approve"})) == "別の方に判断を任せました"
    colleague = await office.link(ELSEWHERE)
    page = await office.api.get(colleague)
    assert len(soup(page).select("form")) == 1
    further = await office.api.post(colleague, data=hidden(page) | {"delegate_to": "ken@minato.example"})
    assert further.status_code == 422
    assert await office.states() == ["pending"]
    assert heading(await office.press(colleague, decision="approve")) == "承認されました"


@pytest.mark.requirement("APR-06")
async def test_a_withdrawn_question_has_dead_links_at_once(office: Office) -> None:
    """The approvers are told; whoever withdrew it is not."""
    await office.ask()
    link = await office.link(TARO)
    button = hidden(await office.api.get(link))
    await office.withdraw()
    for answer in (await office.api.get(link), await office.api.post(link, data=button | {"decision": "approve"})):
        assert (answer.status_code, heading(answer)) == (410, "依頼は取り下げられました")
    await office.world.mails_to(TARO, 2)
    assert office.world.mails.to(DESK) == []
    assert await office.states() == ["withdrawn"]


@pytest.mark.requirement("APR-01")
async def test_who_is_no_administrator_any_more_decides_nothing(office: Office) -> None:
    """From the removal on, by a link that was mailed before; nor does whom they had named instead."""
    await office.ask()
    taro, hanako = await office.link(TARO), await office.link(HANAKO)
    await office.press(hanako, DELEGATION, delegate_to=BOSS)
    links = (taro, await office.link(BOSS))
    buttons = [hidden(await office.api.get(link)) for link in links]
    url = f"{CUSTOMERS}/{office.customer_id}/administrators"
    for one in (await office.api.get(url, headers=office.staff)).json()["items"]:
        assert (await office.api.delete(f"{url}/{one['administrator_id']}", headers=office.staff)).status_code == 204
    for link, button in zip(links, buttons, strict=True):
        for answer in (await office.api.get(link), await office.api.post(link, data=button | {"decision": "approve"})):
            assert answer.status_code == 410
    assert await office.states() == ["pending"]
    await office.withdraw()
    assert await office.states() == ["withdrawn"]
    async with office.world.database.transaction(TENANT) as connection:
        told = await connection.execute(select(Mail.recipient).where(Mail.template == "approval_settled"))
        assert told.all() == []


@pytest.mark.requirement("APR-01")
@pytest.mark.parametrize("ends", ["approved", "expired"])
async def test_who_is_no_administrator_any_more_is_not_told_what_was_decided(office: Office, ends: str) -> None:
    """By whom, and why: nor is whom they had named instead. The others' links still tell it."""
    await office.ask(BOSS)
    taro, hanako, boss = [await office.link(address) for address in (TARO, HANAKO, BOSS)]
    await office.press(hanako, DELEGATION, delegate_to=KEN)
    ken = await office.link(KEN)
    url = f"{CUSTOMERS}/{office.customer_id}/administrators"
    for one in (await office.api.get(url, headers=office.staff)).json()["items"]:
        assert (await office.api.delete(f"{url}/{one['administrator_id']}", headers=office.staff)).status_code == 204
    if ends == "approved":
        await office.press(boss, decision="approve", reason="秘密の理由")
    else:
        await office.world.advance_to((await office.due())[-1])

    async def is_settled() -> bool:
        return await office.states() == [ends]

    await eventually(is_settled)
    for link in (taro, ken):
        told = await office.api.get(link)
        assert (told.status_code, heading(told)) == (410, "このリンクは取り消されています")
    assert heading(await office.api.get(boss)) != "このリンクは取り消されています"


@pytest.mark.requirement("APR-01")
async def test_who_is_being_asked_is_removed_only_then(office: Office, database: Database) -> None:
    """Else the question would be mailed with a link that nobody knows of who takes the links back."""
    async with database.transaction(TENANT) as asking:
        await administrators(asking, TENANT, office.customer_id)
        async with database.transaction(TENANT) as removing:
            with pytest.raises(OperationalError, match="could not obtain lock"):
                await removing.execute(select(Administrator.name).with_for_update(nowait=True))


@pytest.mark.requirement("GEN-06", "GEN-05")
async def test_unknown_wrong_and_foreign_links_look_alike(office: Office) -> None:
    """Nobody learns from one whether there is an approval, a tenant, or anything."""
    await office.ask()
    link = await office.link(TARO)
    wrong = link[:-1] + ("A" if link[-1] != "A" else "B")
    foreign = link.replace(TENANT, "T9999999")
    unknown = f"/links/{TENANT}-{'x' * 43}"
    answers = [
        await office.api.request(method, path, headers={"Accept-Language": "ja"})
        for path in (wrong, foreign, unknown, "/links/x")
        for method in ("GET", "POST")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {text(answer) for answer in answers} == {text(answers[0])}
    assert await office.states() == ["pending"]


@pytest.mark.requirement("APR-03")
async def test_of_two_presses_at_once_one_decides_and_both_hear_which(office: Office) -> None:
    """Again and again, in either order."""
    for turn in range(ROUNDS):
        await office.ask()
        links = [await office.newest_link(address) for address in (TARO, HANAKO)]
        buttons = [hidden(await office.api.get(link)) for link in links]
        wishes = ("approve", "deny") if turn % 2 else ("deny", "approve")
        answers = await asyncio.gather(
            *(
                office.api.post(link, data=button | {"decision": wish})
                for link, button, wish in zip(links, buttons, wishes, strict=True)
            )
        )
        headings = {heading(answer) for answer in answers}
        assert len(headings) == 1
        assert headings < {"承認されました", "否認されました"}
        await office.world.mails_to(DESK, turn + 1)
    async with office.world.database.transaction(TENANT) as connection:
        decided = await connection.execute(select(Approver.decision).where(Approver.decision.is_not(None)))
        assert len(decided.all()) == ROUNDS
