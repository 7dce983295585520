"""The page behind the link of a forgotten password."""

import pytest
from httpx2 import AsyncClient, Response

from tests.accounts import ADDRESS, make_person, make_staff, sign_in, signed_in
from tests.page_reader import entries, errors, heading, hidden, text
from tests.world import World

NEW = "Sora9-ishi.Hana"
DONE = "パスワードを再設定しました"


@pytest.fixture
async def link(api: AsyncClient, world: World) -> str:
    """Asked for by somebody who is staff."""
    await make_staff(world, await make_person(world))
    await api.post("/v1/password-resets", json={"mail_address": ADDRESS})
    await world.mails_to(ADDRESS, 1)
    return f"/links/{world.mails.to(ADDRESS)[0].token}"


async def press(api: AsyncClient, link: str, password: str, confirmation: str) -> Response:
    fields = {"password": password, "password_confirmation": confirmation}
    return await api.post(link, data=hidden(await api.get(link)) | fields)


@pytest.mark.requirement("AUT-04", "TEN-05")
async def test_the_page_sets_a_new_password_once(api: AsyncClient, link: str) -> None:
    """A wrong one is named; afterwards the link says that it is done."""
    page = await api.get(link)
    assert entries(page).keys() == {"password", "password_confirmation"}
    assert ADDRESS in text(page)
    wrong = await press(api, link, "short", "other")
    assert wrong.status_code == 422
    assert errors(wrong).keys() == {"password", "password_confirmation"}
    assert "other" not in wrong.text
    done = await press(api, link, NEW, NEW)
    for answer in (done, await api.post(link, data=hidden(page) | {"password": "another"}), await api.get(link)):
        assert (answer.status_code, heading(answer)) == (200, DONE)
    await signed_in(api, NEW)


@pytest.mark.requirement("AUT-04", "GEN-06")
async def test_the_link_dies_after_an_hour_and_opening_it_changes_nothing(
    api: AsyncClient, link: str, world: World
) -> None:
    await api.head(link)
    button = hidden(await api.get(link)) | {"password": NEW, "password_confirmation": NEW}
    await world.advance(hours=1)
    for answer in (await api.post(link, data=button), await api.get(link)):
        assert (answer.status_code, heading(answer)) == (410, "リンクの有効期限が切れています")
    assert (await sign_in(api)).status_code == 201
