"""The mail ledger over HTTP (TPL-07)."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.api.test_service_application import confirmed
from tests.world import NOTIFIED, TENANT, World, eventually, make_tenant, sign_in_staff

MAILS = f"/v1/tenants/{TENANT}/mails"
APPLICANT = "taro@minato.example"

pytestmark = pytest.mark.requirement("TPL-07")


async def read(api: AsyncClient, headers: dict[str, str], url: str) -> Any:
    answer = await api.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def number(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    """A confirmed application, all three of its mails delivered."""
    number = await confirmed(api, staff, world)
    await world.mails_to(APPLICANT, 2)
    await world.mails_to(NOTIFIED, 1)
    return number


async def test_a_mail_is_kept_as_it_was_sent_but_for_the_links_secret(
    api: AsyncClient, staff: dict[str, str], world: World, number: str
) -> None:
    """Subject, both bodies, Message-ID, tries and the server's answer."""
    [listed] = (await read(api, staff, f"{MAILS}?template=application_confirmation"))["items"]
    [sent, _] = world.mails.to(APPLICANT)
    assert (listed["to"], listed["subject"], listed["message_id"]) == (APPLICANT, sent.subject, sent.message_id)
    assert (listed["state"], listed["delivery"], listed["attempts"]) == ("sent", "sent", 1)
    assert listed["procedure_id"] == f"service-application-{TENANT}-{number}"
    assert listed["smtp_answer"].startswith("250")
    assert listed["sent_at"] is not None
    mail = await read(api, staff, f"{MAILS}/{listed['mail_id']}")
    assert number in mail["text"]
    assert number in mail["html"]
    assert sent.token not in mail["text"] + mail["html"]


async def test_the_ledger_is_filtered_by_procedure_recipient_template_and_state(
    api: AsyncClient, staff: dict[str, str], number: str
) -> None:
    """Newest first, page by page."""

    async def found(query: str) -> list[str]:
        return [item["template"] for item in (await read(api, staff, f"{MAILS}?{query}"))["items"]]

    assert await found(f"to={APPLICANT.upper()}") == ["application_completed", "application_confirmation"]
    assert await found(f"to={NOTIFIED}&state=sent") == ["application_received"]
    assert await found("state=failed") == []
    assert await found("procedure_id=nothing") == []
    assert len(await found(f"procedure_id=service-application-{TENANT}-{number}")) == 3
    page = await read(api, staff, f"{MAILS}?limit=2")
    assert (page["total"], len(page["items"])) == (3, 2)
    assert await found(f"limit=2&cursor={page['next_cursor']}") == ["application_confirmation"]
    wrong = await api.get(f"{MAILS}?state=lost&template=none", headers=staff)
    assert [error["field"] for error in wrong.json()["errors"]] == ["template", "state"]


async def test_a_mail_that_its_server_puts_off_is_queued_and_one_that_it_refuses_has_failed(
    api: AsyncClient, staff: dict[str, str], world: World, number: str
) -> None:
    """The exact state stands beside the short one."""
    answers = {APPLICANT: "451 4.7.1 later", NOTIFIED: "550 5.1.1 no such user"}
    world.mails.answer = answers.get
    await api.post(f"/v1/tenants/{TENANT}/applications/{number}/deny", json={}, headers=staff)

    async def delivery(address: str) -> tuple[str, str]:
        latest = (await read(api, staff, f"{MAILS}?to={address}"))["items"][0]
        return latest["state"], latest["delivery"]

    async def has_been_tried() -> bool:
        return {await delivery(APPLICANT), await delivery(NOTIFIED)} == {("queued", "deferred"), ("failed", "failed")}

    await eventually(has_been_tried)


@pytest.mark.requirement("GEN-05")
@pytest.mark.usefixtures("number")
async def test_nobody_reads_another_tenants_mails(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    mail_id = (await read(api, staff, MAILS))["items"][0]["mail_id"]
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    assert (await api.get(f"{MAILS}/{mail_id}", headers=stranger)).status_code == 404
    own = "/v1/tenants/T9000000/mails"
    assert (await api.get(f"{own}/{mail_id}", headers=stranger)).status_code == 404
    assert (await read(api, stranger, own))["total"] == 0
