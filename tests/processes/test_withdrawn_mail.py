"""What becomes of a mail that is withdrawn while the mail server has it."""

import threading
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from models.tables.procedures import Mail
from tests.api.test_customers import CUSTOMERS, people_in_the_database
from tests.api.test_service_application import confirmed
from tests.support_desk import CREDENTIALS, DESK, HANAKO, Desk
from tests.world import TENANT, World, eventually

STARTED = "リモートサポートを開始しました"


@pytest.fixture
def desk(support_desk: Desk) -> Desk:
    return support_desk


class Slow:
    """A mail server that keeps one recipient's mails waiting until it may answer."""

    def __init__(self, recipient: str, answer: str | None) -> None:
        self._recipient, self._answer = recipient, answer
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, recipient: str) -> str | None:
        if recipient != self._recipient:
            return None
        self.is_asked.set()
        self.may_answer.wait(10)
        return self._answer


async def removed_while_mailed(desk: Desk, staff: dict[str, str], answer: str | None) -> None:
    """Hanako is no administrator any more when the server answers; her mail has the session's password."""
    await desk.asked()
    await desk.approve()
    command = await desk.command()
    assert command is not None
    await eventually(lambda: has_all_hers(desk))
    desk.world.mails.answer = slow = Slow(HANAKO, answer)
    await desk.result(command["command_id"], "succeeded", **CREDENTIALS)
    await eventually(slow.is_asked.is_set)
    await desk.remove(HANAKO, staff)
    slow.may_answer.set()


async def has_all_hers(desk: Desk) -> bool:
    async with desk.world.database.transaction(TENANT) as connection:
        left = await connection.execute(select(Mail.mail_id).where(Mail.recipient == HANAKO, Mail.state != "sent"))
        return left.first() is None


async def becomes(desk: Desk, state: str) -> Any:
    """Her mail, once it is in that state and nobody's to send."""

    async def row() -> Any:
        mine = (Mail.recipient == HANAKO, Mail.template == "remote_support_session")
        async with desk.world.database.transaction(TENANT) as connection:
            return (await connection.execute(select(Mail.__table__).where(*mine))).one()

    async def is_so() -> bool:
        found = await row()
        return bool(found.state == state and found.lease_until is None)

    await eventually(is_so)
    return await row()


def arrived(desk: Desk) -> list[Any]:
    return [mail for mail in desk.world.mails.to(HANAKO) if STARTED in mail.subject]


@pytest.mark.requirement("RSA-04")
@pytest.mark.parametrize("answer", ["421 4.3.2 going down", "451 4.7.1 later", "550 5.1.1 no such user"])
async def test_is_not_tried_again(desk: Desk, staff: dict[str, str], answer: str) -> None:
    """Neither is anybody asked about it; the other mails go on."""
    await removed_while_mailed(desk, staff, answer)
    assert (await becomes(desk, "skipped")).smtp_answer.startswith(answer[:3])
    desk.world.mails.answer = lambda _: None
    await desk.world.advance(minutes=2)
    await desk.mail(DESK, STARTED)
    assert arrived(desk) == []


@pytest.mark.requirement("GEN-03")
async def test_is_told_as_sent_when_it_is(desk: Desk, staff: dict[str, str]) -> None:
    """The ledger says what happened."""
    await removed_while_mailed(desk, staff, None)
    assert (await becomes(desk, "sent")).sent_at is not None
    assert len(arrived(desk)) == 1


@pytest.mark.requirement("CUS-05", "USR-05")
async def test_leaves_nothing_of_a_person_who_is_erased_meanwhile(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """The try's account of itself would name them."""
    number = await confirmed(api, staff, world)
    world.mails.answer = slow = Slow("hanako@minato.example", None)
    approved = await api.post(f"/v1/tenants/{TENANT}/applications/{number}/approve", json={}, headers=staff)
    await eventually(slow.is_asked.is_set)
    url = f"{CUSTOMERS}/{approved.json()['customer_id']}"
    assert (await api.delete(url, headers=staff)).status_code == 204
    slow.may_answer.set()
    await world.mails_to("hanako@minato.example", 1)
    await world.advance(minutes=1)
    assert await people_in_the_database(world) == []
