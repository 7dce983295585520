"""The application form over HTTP, as a client without a browser or a script meets it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import insert, select, update

from models import links
from models.identifiers import Draw
from models.links import LinkKey, NewLink
from models.tables.applications import PersonalInvitation, ServiceApplication
from models.tables.tenants import Tenant
from models.vocabulary import InvitationState, LinkPurpose
from settings import Settings
from tests.page_reader import entries, errors, heading, hidden, soup, text
from tests.world import TENANT, World

FIELDS = {
    "company.company_name": "みなと商事",
    "company.last_name": "山田",
    "company.first_name": "太郎",
    "company.mail_address": "taro@minato.example",
    "company.postal_code": "1050011",
    "company.prefecture": "東京都",
    "company.address": "港区芝公園4-2-8",
    "company.phone_number": "0312345678",
    "utm_destinations.0.company_name": "みなと商事",
    "utm_destinations.0.last_name": "山田",
    "utm_destinations.0.first_name": "太郎",
    "utm_destinations.0.postal_code": "105-0011",
    "utm_destinations.0.prefecture": "東京都",
    "utm_destinations.0.address": "港区芝公園4-2-8",
    "utm_destinations.0.phone_number": "0312345678",
    "utm_destinations.0.quantity": "2",
    "portal_users.0.last_name": "山田",
    "portal_users.0.first_name": "花子",
    "portal_users.0.mail_address": "hanako@minato.example",
}
APPLICATION_NUMBER = re.compile(r"AAP-[0-9A-Z]{8}")
SENT = "確認のメールを送信しました"


@pytest.fixture
async def form_url(api: AsyncClient, staff: dict[str, str]) -> str:
    answer = await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)
    return "/apply/" + str(answer.json()["url"]).rsplit("/", 1)[1]


async def configure(world: World, **settings: Any) -> None:
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).where(Tenant.tenant_id == TENANT).values(settings))


async def numbers(world: World) -> list[str]:
    async with world.database.transaction(TENANT) as connection:
        return list((await connection.execute(select(ServiceApplication.application_number))).scalars())


@pytest.mark.requirement("APP-07", "APP-08")
async def test_the_form_says_that_opening_the_mails_link_is_not_enough(api: AsyncClient, form_url: str) -> None:
    """Whoever believes so lets the application lapse."""
    assert "リンクを開き、画面のボタンを押すと" in text(await api.get(form_url))
    english = await api.get(form_url, headers={"Accept-Language": "en"})
    assert "Press the button behind its link within 24 hours" in text(english)


async def posted(api: AsyncClient, form_url: str, **changes: str) -> Response:
    """The form opened and filled in. In the names of `changes`, `__` stands for a dot."""
    page = await api.get(form_url)
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    return await api.post(form_url, data=hidden(page) | FIELDS | changed)


@pytest.mark.requirement("APP-02", "APP-03", "APP-04", "APP-07")
async def test_it_takes_an_application_without_any_script(api: AsyncClient, form_url: str, world: World) -> None:
    """One destination and one user are there by default; the answer names the number, and the mail follows."""
    page = await api.get(form_url)
    assert entries(page).keys() >= FIELDS.keys()
    answer = await posted(api, form_url)
    assert (answer.status_code, heading(answer)) == (200, SENT)
    assert APPLICATION_NUMBER.findall(text(answer)) == await numbers(world)
    await world.mails_to("taro@minato.example", 1)


@pytest.mark.requirement("GEN-07", "APP-02", "APP-03", "APP-04")
async def test_every_wrong_field_is_named_beside_it_and_what_was_typed_stays(
    api: AsyncClient, form_url: str, world: World
) -> None:
    """The summary links to each of them."""
    answer = await posted(
        api,
        form_url,
        company__postal_code="12",
        company__company_name="社" * 41,
        utm_destinations__0__quantity="1000",
        portal_users__0__mail_address="hanako",
    )
    assert answer.status_code == 422
    assert errors(answer) == {
        "company.company_name": "エラー:40文字以内で入力してください。",
        "company.postal_code": "エラー:7桁の数字、または「123-4567」の形式で入力してください。",
        "utm_destinations.0.quantity": "エラー:999以下にしてください。",
        "portal_users.0.mail_address": "エラー:メールアドレスの形式が正しくありません。",
    }
    summary = soup(answer).select(".notice.wrong a")
    assert all(soup(answer).find(id=str(link["href"]).removeprefix("#")) for link in summary)
    assert [link.get_text() for link in summary][2] == "送付先1 台数"
    assert entries(answer)["portal_users.0.mail_address"] == "hanako"
    assert await numbers(world) == []


async def test_an_unknown_field_is_refused_and_not_lost_in_silence(api: AsyncClient, form_url: str) -> None:
    """It has no place on the page, so only the summary names it."""
    answer = await posted(api, form_url, company__status="approved", tenant_id="T1")
    assert answer.status_code == 422
    named = [line.get_text() for line in soup(answer).select(".notice li")]
    assert named == ["company.status: この項目はありません。", "tenant_id: この項目はありません。"]


async def test_no_address_may_be_given_twice(api: AsyncClient, form_url: str) -> None:
    answer = await posted(
        api,
        form_url,
        portal_users__1__last_name="山田",
        portal_users__1__first_name="次郎",
        portal_users__1__mail_address="Hanako@minato.example",
    )
    assert errors(answer) == {"portal_users.1.mail_address": "エラー:重複しています。"}


@pytest.mark.requirement("APP-03")
async def test_destinations_come_and_go_by_buttons_and_entries_are_kept(api: AsyncClient, form_url: str) -> None:
    """The new one waits for its company's name; removing the first leaves the second in its place."""
    added = await posted(api, form_url, add="utm_destinations")
    assert added.status_code == 200
    assert entries(added).items() >= FIELDS.items()
    assert entries(added)["utm_destinations.1.quantity"] == ""
    assert [str(field["name"]) for field in soup(added).select("[autofocus]")] == ["utm_destinations.1.company_name"]
    removed = await api.post(
        form_url,
        data=hidden(added) | entries(added) | {"utm_destinations.1.quantity": "7", "remove": "utm_destinations.0"},
    )
    assert entries(removed)["utm_destinations.0.quantity"] == "7"
    assert "utm_destinations.1.quantity" not in entries(removed)


async def test_no_more_than_twenty_destinations_are_offered(api: AsyncClient, form_url: str) -> None:
    full = {f"utm_destinations__{number}__quantity": "1" for number in range(20)}
    page = await posted(api, form_url, **full, add="utm_destinations")
    assert "utm_destinations.20.quantity" not in entries(page)
    assert not soup(page).select("button[name=add][value=utm_destinations]")


async def test_a_destination_takes_over_what_was_entered_for_the_company(api: AsyncClient, form_url: str) -> None:
    page = await posted(
        api, form_url, utm_destinations__0__address="", utm_destinations__0__last_name="", copy="utm_destinations.0"
    )
    assert entries(page).items() >= (FIELDS | {"utm_destinations.0.postal_code": "1050011"}).items()


@pytest.mark.requirement("APP-06")
async def test_a_postal_code_fills_prefecture_and_town(api: AsyncClient, form_url: str) -> None:
    """A house number that stands there already is kept."""
    page = await posted(api, form_url, company__prefecture="", company__address="4-2-8", fill="company.postal_code")
    assert entries(page)["company.prefecture"] == "東京都"
    assert entries(page)["company.address"] == "港区芝公園4-2-8"


@pytest.mark.requirement("APP-06")
async def test_an_unknown_postal_code_leaves_the_address_to_the_person(api: AsyncClient, form_url: str) -> None:
    page = await posted(
        api, form_url, company__postal_code="999-9999", company__prefecture="北海道", fill="company.postal_code"
    )
    assert "この郵便番号の住所は見つかりませんでした" in text(page)
    assert entries(page)["company.prefecture"] == "北海道"


@pytest.mark.requirement("APP-06")
async def test_an_address_without_a_house_number_is_asked_about_once(
    api: AsyncClient, form_url: str, world: World
) -> None:
    """A warning, not an error: the second press sends it."""
    asked = await posted(api, form_url, company__address="港区芝公園")
    assert asked.status_code == 200
    assert [link.get_text() for link in soup(asked).select(".notice a")] == ["申込企業 住所"]
    assert await numbers(world) == []
    sent = await api.post(form_url, data=hidden(asked) | entries(asked))
    assert heading(sent) == SENT


@pytest.mark.requirement("APP-05", "SET-05")
async def test_the_tenants_own_questions_are_asked_and_judged(api: AsyncClient, form_url: str, world: World) -> None:
    """A choice can be nothing else, and every question's label is its name."""
    line = {"label": "回線 (必ず選択)", "required": True, "kind": "choice", "choices": ["光回線", "CATV"]}
    note = {"label": "備考.その他", "required": False, "kind": "text", "choices": []}
    await configure(world, extra_fields=[line, note])
    missing = await posted(api, form_url)
    assert errors(missing) == {"extra.回線 (必ず選択)": "エラー:入力してください。"}
    other = await api.post(form_url, data=hidden(missing) | FIELDS | {"extra.回線 (必ず選択)": "ADSL"})
    assert errors(other) == {"extra.回線 (必ず選択)": "エラー:選択肢から選んでください: 光回線, CATV"}
    right = {"extra.回線 (必ず選択)": "CATV", "extra.備考.その他": "なし"}
    sent = await api.post(form_url, data=hidden(other) | FIELDS | right)
    assert heading(sent) == SENT
    async with world.database.transaction(TENANT) as connection:
        stored = (await connection.execute(select(ServiceApplication.extra))).scalar_one()
    assert stored == {"回線 (必ず選択)": "CATV", "備考.その他": "なし"}


@pytest.mark.requirement("GEN-03")
async def test_a_double_click_is_one_application(api: AsyncClient, form_url: str, world: World) -> None:
    """Sent again after a correction it is another."""
    opened = hidden(await api.get(form_url))
    first = await api.post(form_url, data=opened | FIELDS)
    again = await api.post(form_url, data=opened | FIELDS)
    assert APPLICATION_NUMBER.findall(text(first)) == APPLICATION_NUMBER.findall(text(again))
    corrected = await api.post(form_url, data=opened | FIELDS | {"company.first_name": "次郎"})
    assert heading(corrected) == SENT
    assert len(await numbers(world)) == 2


async def test_what_was_typed_stays_text(api: AsyncClient, form_url: str) -> None:
    """Markup in an entry is shown as it was typed."""
    typed = '"><script>alert(1)</script>{{ 7*7 }}'
    page = await posted(api, form_url, company__company_name=typed, add="portal_users")
    assert entries(page)["company.company_name"] == typed
    assert "<script" not in page.text


@pytest.mark.requirement("SET-03")
async def test_only_the_chosen_websites_lead_to_the_form(api: AsyncClient, form_url: str, world: World) -> None:
    """Without a referrer, or with one that only looks alike, the page explains why it stays closed."""
    await configure(world, allowed_referrers=["https://www.partner.example/"])
    for referrer in ({}, {"Referer": "https://www.partner.example.evil.example/"}):
        refused = await api.get(form_url, headers=referrer)
        assert (refused.status_code, heading(refused)) == (403, "このページは直接開くことができません")
        assert "みなとセキュリティ" in text(refused)
    opened = await api.get(form_url, headers={"Referer": "https://www.partner.example/services?id=1"})
    assert opened.status_code == 200
    sent = await api.post(form_url, data=hidden(opened) | FIELDS)  # a page without referrer posts without one
    assert heading(sent) == SENT
    never_opened = await api.post(form_url, data=FIELDS)
    assert never_opened.status_code == 403


@pytest.mark.requirement("APP-01", "TEN-01")
async def test_a_closed_invitation_says_so(
    api: AsyncClient, form_url: str, world: World, staff: dict[str, str]
) -> None:
    """Rotated it is gone for good; suspended the tenant takes nothing for now."""
    await api.post(f"/v1/tenants/{TENANT}/invitation/rotate", headers=staff)
    rotated = await api.get(form_url)
    assert (rotated.status_code, heading(rotated)) == (410, "このリンクは取り消されています")
    fresh = (await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)).json()["url"]
    await configure(world, state="suspended")
    suspended = await api.get("/apply/" + fresh.rsplit("/", 1)[1])
    assert (suspended.status_code, heading(suspended)) == (403, "現在、受け付けを停止しています")


@pytest.mark.requirement("APP-18")
async def test_a_personal_invitation_takes_one_application(api: AsyncClient, world: World, settings: Settings) -> None:
    """Its address stands in the form already; answered, the same link names the application."""
    form_url = await personal_invitation(world, settings)
    page = await api.get(form_url)
    assert entries(page)["company.mail_address"] == "ichiro@minato.example"
    sent = await api.post(form_url, data=hidden(page) | FIELDS)
    number = APPLICATION_NUMBER.findall(text(sent))
    for again in (await api.post(form_url, data=hidden(page) | FIELDS), await api.get(form_url)):
        assert (again.status_code, heading(again)) == (200, "お申し込みはお済みです")
        assert APPLICATION_NUMBER.findall(text(again)) == number
    assert await numbers(world) == number


@pytest.mark.requirement("APP-18")
async def test_a_personal_invitation_ends_after_thirty_days(api: AsyncClient, world: World, settings: Settings) -> None:
    form_url = await personal_invitation(world, settings)
    await world.advance(days=30)
    page = await api.get(form_url)
    assert (page.status_code, heading(page)) == (410, "リンクの有効期限が切れています")


async def personal_invitation(world: World, settings: Settings) -> str:
    """An open one, and where it leads."""
    now, invitation_id = await world.clock.now(), Draw().opaque_id()
    key = LinkKey(settings.link_key.get_secret_value().encode())
    link = NewLink(
        tenant_id=TENANT,
        link_id=Draw().opaque_id(),
        purpose=LinkPurpose.PERSONAL_INVITATION,
        recipient="ichiro@minato.example",
        subject=invitation_id,
        procedure_id=None,
        issued_at=now,
        deadline=now + timedelta(days=30),
    )
    row = {
        "tenant_id": TENANT,
        "invitation_id": invitation_id,
        "mail_address": link.recipient,
        "state": InvitationState.SENT,
        "expires_at": link.deadline,
        "created_at": now,
        "created_by": "staff:1",
    }
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(insert(PersonalInvitation).values(row))
        await links.issue(connection, key, link)
    return f"/apply/{key.token(TENANT, link.link_id, link.purpose, link.recipient)}"
