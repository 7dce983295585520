"""The page behind a new notification address's link: its button, and nothing else, makes the address work."""

import pytest
from httpx2 import AsyncClient

from tests.api.test_notification_addresses import NEW, URL, typed
from tests.page_reader import heading, hidden, text
from tests.world import NOTIFIED, TENANT, World

DONE = "通知先を確認しました"


@pytest.fixture
async def link(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    await api.put(URL, json=typed(NOTIFIED, NEW), headers=staff)
    await world.mails_to(NEW, 1)
    return f"/links/{world.mails.to(NEW)[0].token}"


async def shown(api: AsyncClient, staff: dict[str, str]) -> list[tuple[str, str]]:
    answer = await api.get(URL, headers=staff)
    return [(address["mail_address"], address["state"]) for address in answer.json()["addresses"]]


@pytest.mark.requirement("SET-06", "GEN-06")
async def test_the_button_makes_the_address_work_and_a_second_press_finds_it_done(
    api: AsyncClient, staff: dict[str, str], link: str
) -> None:
    """Opening the page, however often, does not."""
    for page in (await api.get(link), await api.head(link), await api.get(link)):
        assert page.status_code == 200
    assert all(part in text(page) for part in (NEW, TENANT, "みなとセキュリティ"))
    assert await shown(api, staff) == [(NOTIFIED, "verified"), (NEW, "pending")]
    button = hidden(page)
    for answer in (await api.post(link, data=button), await api.post(link, data=button), await api.get(link)):
        assert (answer.status_code, heading(answer)) == (200, DONE)
    assert await shown(api, staff) == [(NOTIFIED, "verified"), (NEW, "verified")]


@pytest.mark.requirement("SET-06")
async def test_a_late_press_and_a_withdrawn_link_say_so(
    api: AsyncClient, staff: dict[str, str], link: str, world: World
) -> None:
    """Seven days are the link's; an address that is taken off the list has no link any more."""
    button = hidden(await api.get(link))
    await world.advance(days=7)
    for answer in (await api.post(link, data=button), await api.get(link)):
        assert (answer.status_code, heading(answer)) == (410, "リンクの有効期限が切れています")
    await api.put(URL, json=typed(NOTIFIED, NEW), headers=staff)
    await world.mails_to(NEW, 2)
    fresh = f"/links/{world.mails.to(NEW)[1].token}"
    await api.put(URL, json=typed(NOTIFIED), headers=staff)
    withdrawn = await api.get(fresh)
    assert (withdrawn.status_code, heading(withdrawn)) == (410, "このリンクは取り消されています")
