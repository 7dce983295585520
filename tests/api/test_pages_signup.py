"""The pages behind signup links: two steps for staff, one for portal users, a button for who has an account."""

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select, update

from models.tables.people import PortalUser, StaffMember
from tests.accounts import PASSWORD, make_customer, make_person, make_portal_user, make_staff, sign_in
from tests.api.test_service_application import confirmed
from tests.page_reader import entries, errors, heading, hidden, soup, text
from tests.world import TENANT, World, make_tenant

NEW = "jiro@partner.example"
USER = "hanako@minato.example"
STAFF_FIELDS = {
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
    "user_name": "山田　次郎",
    "company_name": "みなとセキュリティ",
    "department": "営業部",
    "phone_number": "0312345678",
    "remark": "一行目\r\n二行目",
}
DONE = "登録が完了しています"


@pytest.fixture
async def staff_link(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    await api.post(f"/v1/tenants/{TENANT}/staff", json={"mail_address": NEW}, headers=staff)
    return await mailed_link(world, NEW)


@pytest.fixture
async def user_link(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    number = await confirmed(api, staff, world)
    await api.post(f"/v1/tenants/{TENANT}/applications/{number}/approve", json={}, headers=staff)
    return await mailed_link(world, USER)


async def mailed_link(world: World, address: str, count: int = 1) -> str:
    await world.mails_to(address, count)
    return f"/links/{world.mails.to(address)[count - 1].token}"


async def opened(api: AsyncClient, link: str, **fields: str) -> Response:
    return await api.post(link, data=hidden(await api.get(link)) | fields)


async def staff_member(world: World) -> StaffMember:
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(select(StaffMember.__table__).where(StaffMember.mail_address == NEW))
        member: StaffMember = found.one()  # type: ignore[assignment]  # a row with the same columns
        return member


@pytest.mark.requirement("TEN-03")
async def test_staff_enter_check_go_back_and_register(api: AsyncClient, staff_link: str, world: World) -> None:
    """Whose signup it is stands above; what was entered is kept when going back, and the password with it."""
    page = await api.get(staff_link)
    assert all(part in text(page) for part in (NEW, TENANT, "みなとセキュリティ"))
    check = await api.post(staff_link, data=hidden(page) | STAFF_FIELDS)
    assert (check.status_code, heading(check)) == (200, "登録内容の確認")
    assert "営業部" in text(check)
    assert (await staff_member(world)).signup_state == "signup_open"
    back = await api.post(staff_link, data=hidden(check) | {"step": "back"})
    kept = {name: value.replace("\r\n", "\n") for name, value in STAFF_FIELDS.items() if "password" not in name}
    assert {name: value.replace("\r\n", "\n") for name, value in entries(back).items()} == {
        "password": "",
        "password_confirmation": "",
        **kept,
    }
    again = await api.post(staff_link, data=hidden(back) | entries(back) | {"department": ""})
    registered = await api.post(staff_link, data=hidden(again) | {"step": "register"})
    assert (registered.status_code, heading(registered)) == (200, DONE)
    member = await staff_member(world)
    assert (member.signup_state, member.department, member.remark) == ("registered", None, "一行目\n二行目")


@pytest.mark.requirement("TEN-03")
async def test_the_fields_and_the_last_step_can_come_at_once(api: AsyncClient, staff_link: str, world: World) -> None:
    """A second press, and the link afterwards, say that it is done."""
    first = await opened(api, staff_link, **STAFF_FIELDS, step="register")
    second = await api.post(staff_link, data=STAFF_FIELDS | {"step": "register"})
    for answer in (first, second, await api.get(staff_link)):
        assert (answer.status_code, heading(answer)) == (200, DONE)
    assert (await staff_member(world)).signup_state == "registered"


@pytest.mark.requirement("TEN-03", "TEN-05", "GEN-07")
async def test_every_wrong_entry_of_a_signup_is_named_beside_it(api: AsyncClient, staff_link: str) -> None:
    wrong = {**STAFF_FIELDS, "password": "short", "user_name": "山田次郎", "phone_number": "03-1234"}
    answer = await opened(api, staff_link, **wrong)
    assert answer.status_code == 422
    assert errors(answer).keys() == {"password", "password_confirmation", "user_name", "phone_number"}
    assert entries(answer)["user_name"] == "山田次郎"


async def test_a_password_is_never_in_the_page(api: AsyncClient, staff_link: str) -> None:
    """It goes through the second step sealed; a right one stays so while something else is mended."""
    check = await opened(api, staff_link, **STAFF_FIELDS)
    mending = await opened(api, staff_link, **{**STAFF_FIELDS, "company_name": ""})
    assert PASSWORD not in check.text + mending.text
    assert errors(mending).keys() == {"company_name"}
    mended = await api.post(staff_link, data=hidden(mending) | entries(mending) | {"company_name": "みなと"})
    assert heading(mended) == "登録内容の確認"


async def test_a_sealed_password_is_good_for_its_own_link_only(
    api: AsyncClient, staff_link: str, user_link: str
) -> None:
    sealed = hidden(await opened(api, staff_link, **STAFF_FIELDS))["sealed_password"]
    for strange in (sealed, "x", "AAAA"):
        answer = await opened(api, user_link, sealed_password=strange)
        assert errors(answer) == {"password": "エラー:入力してください。"}


@pytest.mark.requirement("USR-03", "TEN-05")
async def test_a_portal_user_chooses_a_password(api: AsyncClient, user_link: str, world: World) -> None:
    page = await api.get(user_link)
    assert entries(page).keys() == {"password", "password_confirmation"}
    assert all(part in text(page) for part in ("みなと商事", "山田 太郎", USER))
    differing = await opened(api, user_link, password=PASSWORD, password_confirmation="other")
    assert errors(differing) == {"password_confirmation": "エラー:確認用の入力と一致しません。"}
    done = await opened(api, user_link, password=PASSWORD, password_confirmation=PASSWORD)
    assert (done.status_code, heading(done)) == (200, DONE)
    async with world.database.transaction(TENANT) as connection:
        assert (await connection.execute(select(PortalUser.signup_state))).scalar_one() == "registered"


@pytest.mark.requirement("TEN-06")
async def test_who_has_an_account_only_accepts(api: AsyncClient, user_link: str, world: World) -> None:
    """No new password is asked for, and the one there is stays."""
    await make_person(world, USER)
    page = await api.get(user_link)
    assert entries(page) == {}
    assert soup(page).select_one("button.main") is not None
    assert heading(await opened(api, user_link)) == DONE
    assert (await sign_in(api, address=USER)).status_code == 201


@pytest.mark.requirement("TEN-06", "GEN-05")
@pytest.mark.parametrize(("is_user_here", "name"), [(False, None), (True, "山田　花子")])
async def test_people_of_another_tenant_accept_and_bring_none_of_its_data(
    api: AsyncClient, staff: dict[str, str], world: World, *, is_user_here: bool, name: str | None
) -> None:
    """In one step, with nothing to fill in. The name is the one that this tenant itself knows, if it knows any."""
    await make_tenant(world.database, "T9000000", await world.clock.now())
    person_id = await make_person(world, NEW)
    await make_staff(world, person_id, "T9000000", NEW)
    await make_portal_user(world, person_id, await make_customer(world, "T9000000"), tenant_id="T9000000")
    async with world.database.transaction("T9000000") as connection:
        await connection.execute(update(StaffMember).values(user_name="秘密　次郎"))
        await connection.execute(update(PortalUser).values(last_name="秘密", first_name="三郎"))
    if is_user_here:
        await make_portal_user(world, person_id, await make_customer(world))
    await api.post(f"/v1/tenants/{TENANT}/staff", json={"mail_address": NEW}, headers=staff)
    link = await mailed_link(world, NEW)
    assert entries(await api.get(link)) == {}
    assert heading(await opened(api, link)) == DONE
    member = await staff_member(world)
    assert (member.signup_state, member.user_name) == ("registered", name)


@pytest.mark.requirement("TEN-04")
async def test_an_expired_and_a_replaced_link_say_so(
    api: AsyncClient, staff_link: str, staff: dict[str, str], world: World
) -> None:
    """After seven days; a resend begins anew, with another link."""
    await world.advance(days=7)
    expired = await api.get(staff_link)
    assert (expired.status_code, heading(expired)) == (410, "リンクの有効期限が切れています")
    assert "再送をご依頼ください" in text(expired)
    member = (await staff_member(world)).person_id
    await api.post(f"/v1/tenants/{TENANT}/staff/{member}/resend", headers=staff)
    fresh = await mailed_link(world, NEW, 2)
    assert (await api.get(fresh)).status_code == 200
    replaced = await api.get(staff_link)
    assert replaced.status_code == 410
