"""A customer's portal users over HTTP (USR-01…05)."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from api import portal_users
from api.context import Context
from tests.api.test_customers import CUSTOMERS, created, registered
from tests.world import World

HANAKO = {"last_name": "山田", "first_name": "花子", "mail_address": "hanako@minato.example"}


async def users_of_a_customer(api: AsyncClient, staff: dict[str, str]) -> str:
    return f"{CUSTOMERS}/{(await created(api, staff))['customer_id']}/users"


async def added(api: AsyncClient, staff: dict[str, str], url: str, **fields: Any) -> Any:
    answer = await api.post(url, json={**HANAKO, **fields}, headers=staff)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.requirement("USR-01", "USR-03")
async def test_a_new_user_is_mailed_a_link_and_listed(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    url = await users_of_a_customer(api, staff)
    user = await added(api, staff, url, mobile_number="09012345678")
    assert user["signup_state"] == "signup_open"
    await world.mails_to(HANAKO["mail_address"], 1)
    listed = (await api.get(url, headers=staff)).json()
    assert [item["user_id"] for item in listed["items"]] == [user["user_id"]]
    assert listed["items"][0]["mobile_number"] == "09012345678"


@pytest.mark.requirement("USR-02")
async def test_an_address_is_a_user_once_in_a_company_and_of_several_companies(
    api: AsyncClient, staff: dict[str, str]
) -> None:
    url = await users_of_a_customer(api, staff)
    await added(api, staff, url)
    twice = await api.post(url, json=HANAKO, headers=staff)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_exists")
    await added(api, staff, await users_of_a_customer(api, staff))


@pytest.mark.requirement("USR-02")
async def test_who_signs_in_by_an_address_is_its_only_user_in_the_company_wherever_they_are_written_to(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Who has registered keeps the address of their account, and is written to at the one that staff changed it to."""
    url = await users_of_a_customer(api, staff)
    await registered(api, staff, world, url, HANAKO["mail_address"])
    [user] = (await api.get(url, headers=staff)).json()["items"]
    other = await added(api, staff, url, mail_address="jiro@minato.example")
    open_one = f"{url}/{other['user_id']}"
    await registered(api, staff, world, url, "saburo@minato.example")
    users = (await api.get(url, headers=staff)).json()["items"]
    [registered_one] = [f"{url}/{user['user_id']}" for user in users if user["mail_address"] == "saburo@minato.example"]
    written_to = {"mail_address": "hanako.yamada@minato.example"}
    moved = await api.patch(f"{url}/{user['user_id']}", json=written_to, headers=staff)
    assert moved.status_code == 200, moved.text
    to_the_old_one = {"mail_address": HANAKO["mail_address"]}
    for refused in (
        await api.post(url, json=HANAKO, headers=staff),
        await api.patch(open_one, json=to_the_old_one, headers=staff),
        await api.patch(registered_one, json=to_the_old_one, headers=staff),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "already_exists")
    back = await api.patch(f"{url}/{user['user_id']}", json=to_the_old_one, headers=staff)
    assert (back.status_code, back.json()["mail_address"]) == (200, HANAKO["mail_address"])
    await added(api, staff, await users_of_a_customer(api, staff))


@pytest.mark.requirement("USR-01", "USR-04")
async def test_another_address_takes_the_signup_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    url = await users_of_a_customer(api, staff)
    user = await added(api, staff, url)
    same = await api.patch(f"{url}/{user['user_id']}", json={"last_name": "山田"}, headers=staff)
    assert (same.status_code, same.json()["code"]) == (422, "nothing_changed")
    moved = await api.patch(
        f"{url}/{user['user_id']}", json={"mail_address": "new@minato.example", "last_name": "鈴木"}, headers=staff
    )
    assert (moved.json()["mail_address"], moved.json()["last_name"]) == ("new@minato.example", "鈴木")
    await world.mails_to("new@minato.example", 1)


@pytest.mark.requirement("USR-04")
async def test_an_address_that_is_changed_while_the_signup_is_sent_again_leaves_no_link_to_the_old_one(
    api: AsyncClient, staff: dict[str, str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the old address would register the new one."""
    url = await users_of_a_customer(api, staff)
    user = f"{url}/{(await added(api, staff, url))['user_id']}"
    await world.advance(days=7, minutes=1)
    save = vars(portal_users)["_save"]

    async def save_after_a_resend(context: Context, edit: Any) -> bool:
        monkeypatch.setattr(portal_users, "_save", save)
        assert (await api.post(f"{user}/resend", headers=staff)).status_code == 200
        return bool(await save(context, edit))

    monkeypatch.setattr(portal_users, "_save", save_after_a_resend)
    moved = await api.patch(user, json={"mail_address": "new@minato.example"}, headers=staff)
    assert (moved.status_code, moved.json()["signup_state"]) == (200, "signup_open"), moved.text
    await world.mails_to("new@minato.example", 1)
    for mail in world.mails.to(HANAKO["mail_address"]):
        assert (await api.get(f"/links/{mail.token}")).status_code == 410
    assert (await api.get(f"/links/{world.mails.to('new@minato.example')[0].token}")).status_code == 200


@pytest.mark.requirement("USR-04", "GEN-03")
async def test_an_expired_user_is_resent_and_a_repetition_mails_once(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    url = await users_of_a_customer(api, staff)
    user = await added(api, staff, url)
    await world.advance(days=7, minutes=1)
    assert (await api.get(url, headers=staff)).json()["items"][0]["signup_state"] == "signup_expired"
    mails = len(world.mails.to(HANAKO["mail_address"]))
    for _ in range(2):
        resent = await api.post(
            f"{url}/{user['user_id']}/resend", headers={**staff, "Idempotency-Key": "resend after expiry"}
        )
        assert (resent.status_code, resent.json()["signup_state"]) == (200, "signup_open")
    await world.mails_to(HANAKO["mail_address"], mails + 1)
    assert len(world.mails.to(HANAKO["mail_address"])) == mails + 1


@pytest.mark.requirement("USR-05")
async def test_deleting_a_user_ends_everything_at_once(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """Open or expired; and then the same person can be made again."""
    url = await users_of_a_customer(api, staff)
    user = await added(api, staff, url)
    assert (await api.delete(f"{url}/{user['user_id']}", headers=staff)).status_code == 204
    assert (await api.get(url, headers=staff)).json()["total"] == 0
    again = await added(api, staff, url)
    await world.advance(days=8)
    assert (await api.delete(f"{url}/{again['user_id']}", headers=staff)).status_code == 204
    assert (await api.delete(f"{url}/{again['user_id']}", headers=staff)).status_code == 404


@pytest.mark.requirement("USR-01", "CUS-02", "GEN-03")
async def test_whoever_makes_a_user_gets_the_tag_to_edit_it_by(api: AsyncClient, staff: dict[str, str]) -> None:
    """The answer to a repetition has it too, and by then it may be stale."""
    url = await users_of_a_customer(api, staff)
    once = {**staff, "Idempotency-Key": "made once"}
    made = await api.post(url, json=HANAKO, headers=once)
    again = await api.post(url, json=HANAKO, headers=once)
    assert again.headers["ETag"] == made.headers["ETag"]
    one, tag = f"{url}/{made.json()['user_id']}", {**staff, "If-Match": made.headers["ETag"]}
    statuses = [(await api.patch(one, json={"first_name": name}, headers=tag)).status_code for name in ("はな", "花")]
    assert statuses == [200, 412]


@pytest.mark.requirement("USR-01", "USR-04", "CUS-02")
async def test_an_edit_of_what_somebody_else_has_edited_is_refused_whole(
    api: AsyncClient, staff: dict[str, str]
) -> None:
    """Also where the edit moves the signup: nothing of a refused one is saved."""
    url = await users_of_a_customer(api, staff)
    other = await added(api, staff, url, mail_address="jiro@minato.example")
    user = await added(api, staff, url)
    one = f"{url}/{user['user_id']}"
    read = (await api.post(f"{one}/resend", headers=staff)).headers["ETag"]
    renamed = await api.patch(one, json={"first_name": "はな"}, headers={**staff, "If-Match": read})
    fresh = renamed.headers["ETag"]
    first = await api.patch(one, json={"first_name": "はな子"}, headers={**staff, "If-Match": fresh})
    assert first.status_code == 200
    stale = await api.patch(
        one, json={"mail_address": "late@minato.example", "first_name": "x"}, headers={**staff, "If-Match": fresh}
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    taken = await api.patch(one, json={"mail_address": other["mail_address"], "first_name": "x"}, headers=staff)
    assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
    listed = {item["user_id"]: item for item in (await api.get(url, headers=staff)).json()["items"]}
    assert (listed[user["user_id"]]["first_name"], listed[user["user_id"]]["mail_address"]) == (
        "はな子",
        HANAKO["mail_address"],
    )
