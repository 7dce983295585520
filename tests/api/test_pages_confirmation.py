"""The page behind the applicant's link: it only asks; the buttons confirm and withdraw."""

import pytest
from httpx2 import AsyncClient, Response

from tests.api.test_service_application import FORM, invitation_token
from tests.page_reader import heading, hidden, soup, text
from tests.world import TENANT, World

CONFIRM, WITHDRAWAL = 0, 1
ADDRESS = "taro@minato.example"


@pytest.fixture
async def number(api: AsyncClient, staff: dict[str, str]) -> str:
    answer = await api.post(f"/v1/apply/{await invitation_token(api, staff)}", json=FORM)
    return str(answer.json()["application_number"])


@pytest.fixture
async def link(world: World, number: str) -> str:
    await world.mails_to(ADDRESS, 1)
    mail = world.mails.to(ADDRESS)[0]
    assert number in mail.subject
    return f"/links/{mail.token}"


async def press(api: AsyncClient, link: str, form: int = CONFIRM, **fields: str) -> Response:
    """The button of one of the page's forms."""
    return await api.post(link, data=hidden(await api.get(link), form) | fields)


async def state(world: World, number: str) -> str:
    return (await world.standing(f"service-application-{TENANT}-{number}"))[0]


@pytest.mark.requirement("APP-08", "GEN-06")
async def test_opening_the_link_shows_the_application_and_changes_nothing(
    api: AsyncClient, link: str, number: str, world: World
) -> None:
    """However often scanners open it."""
    for page in (await api.get(link), await api.head(link), await api.get(link)):
        assert page.status_code == 200
    shown = text(page)
    assert all(part in shown for part in ("みなと商事", "山田 太郎", "〒105-0011 東京都港区芝公園4-2-8", "送付先1"))
    assert await state(world, number) == "awaiting_confirmation"


@pytest.mark.requirement("APP-08")
async def test_the_button_confirms_and_a_second_press_finds_it_done(
    api: AsyncClient, link: str, number: str, world: World
) -> None:
    button = hidden(await api.get(link))
    for answer in (await api.post(link, data=button), await api.post(link, data=button), await api.get(link)):
        assert (answer.status_code, heading(answer)) == (200, "お申し込みを受け付けました")
        assert number in text(answer)
    assert await state(world, number) == "unapproved"
    assert len(await world.mails_to(ADDRESS, 2)) == 2


@pytest.mark.requirement("APP-07")
async def test_after_twenty_four_hours_the_link_says_that_it_lapsed(
    api: AsyncClient, link: str, number: str, world: World
) -> None:
    button = hidden(await api.get(link))
    await world.advance(hours=24)
    for answer in (await api.post(link, data=button), await api.get(link)):
        assert (answer.status_code, heading(answer)) == (410, "確認の期限が過ぎました")
    assert await state(world, number) == "lapsed"


async def test_withdrawing_needs_the_box_ticked(api: AsyncClient, link: str, number: str, world: World) -> None:
    """A press of the withdrawal's button alone changes nothing, and says so."""
    answer = await press(api, link, WITHDRAWAL)
    assert (answer.status_code, await state(world, number)) == (422, "awaiting_confirmation")
    assert "チェックを入れてから" in text(answer)
    assert not soup(answer).select("input[type=checkbox][checked]")
    withdrawn = await press(api, link, WITHDRAWAL, withdraw="yes")
    assert (withdrawn.status_code, heading(withdrawn)) == (200, "申請を取り下げました")
    assert await state(world, number) == "withdrawn"
    later = await api.get(link)
    assert (later.status_code, heading(later)) == (410, "この申請は取り下げられています")


async def test_withdrawing_is_open_until_the_decision(
    api: AsyncClient, link: str, number: str, world: World, staff: dict[str, str]
) -> None:
    """Also days after the confirmation; a decision closes it, and the page keeps the result to the mail."""
    await press(api, link)
    await world.advance(days=2)
    undecided = hidden(await api.get(link))
    assert "withdrawal_form" in undecided
    await api.post(f"/v1/tenants/{TENANT}/applications/{number}/deny", json={}, headers=staff)
    late = await api.post(link, data=undecided | {"withdraw": "yes"})
    assert (late.status_code, heading(late)) == (200, "この申請の審査は終わっています")
    assert await state(world, number) == "denied"


async def test_all_hidden_fields_of_the_page_together_still_confirm(
    api: AsyncClient, link: str, number: str, world: World
) -> None:
    """Whoever does not tell the page's two forms apart confirms, and withdraws only by saying so."""
    page = await api.get(link)
    await api.post(link, data=hidden(page, WITHDRAWAL) | hidden(page, CONFIRM))
    assert await state(world, number) == "unapproved"
