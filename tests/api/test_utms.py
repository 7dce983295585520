"""A customer's UTM devices over HTTP (UTM-01 to UTM-05)."""

from datetime import date, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select, update

from models.identifiers import digest
from models.rules.periods import day_of
from models.tables.applications import ServiceApplication
from models.tables.contracts import Contract
from models.tables.procedures import AuditEntry
from models.tables.utms import Utm
from tests.api.test_customers import CUSTOMERS, created
from tests.utm_customers import UTM, applied, contract, portal_user
from tests.world import TENANT, World, make_tenant, sign_in_staff

OTHER = "T9000000"


@pytest.fixture
async def customer_id(api: AsyncClient, staff: dict[str, str]) -> str:
    return str((await created(api, staff))["customer_id"])


@pytest.fixture
async def url(world: World, customer_id: str) -> str:
    """Of the UTMs of a customer with a contract in force."""
    await contract(world, customer_id)
    return f"{CUSTOMERS}/{customer_id}/utms"


async def registered(api: AsyncClient, staff: dict[str, str], url: str, **fields: Any) -> Any:
    answer = await api.post(url, json={**UTM, **fields}, headers=staff)
    assert answer.status_code == 201, answer.text
    return answer.json()


def wrong(answer: Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.requirement("UTM-01", "UTM-05")
async def test_staff_register_a_device_and_see_its_token_once(
    api: AsyncClient, staff: dict[str, str], url: str, world: World
) -> None:
    """The database keeps a digest of the token; list and detail show the rest."""
    made = await registered(api, staff, url)
    token = made.pop("device_token")
    assert token.startswith(f"tzd_{TENANT}_")
    detail = (await api.get(f"{url}/{UTM['utm_id']}", headers=staff)).json()
    assert detail == made
    assert (detail["connection"], detail["mac_entered"], detail["alert_count"]) == ("never_connected", False, 0)
    absent = ("last_connected_at", "version", "ip_address", "scheduled_restart_at")
    assert [detail[name] for name in absent] == [None] * 4
    [item] = (await api.get(url, headers=staff)).json()["items"]
    assert item == {name: detail[name] for name in item}
    assert "serial_number" not in item
    async with world.database.transaction(TENANT) as connection:
        assert await connection.scalar(select(Utm.token_digest)) == digest(token)


@pytest.mark.requirement("UTM-01", "GEN-07")
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("utm_id", "A1A1B2B2C3C3", "invalid_utm_id"),
        ("utm_id", "a1a1b2b2c3c", "invalid_utm_id"),
        ("name", "あ" * 51, "too_long"),
        ("serial_number", "S" * 14, "too_short"),
        ("serial_number", "S" * 31, "too_long"),
        ("postal_code", "105-001", "invalid_postal_code"),
        ("address", "あ" * 105, "too_long"),
        ("address", "", "required"),
        ("delivery_status", "あ" * 105, "too_long"),
        ("delivery_status", None, "required"),
        ("report_addresses", [f"{n}@a.jp" for n in range(4)], "too_many"),
        ("mac_address", "a1a1b2b2c3c3", "invalid_mac_address"),
        ("mac_address", "A1:A1:B2:B2:C3:C4", "mac_of_another_utm"),
        ("contract_number", "A-S00000000", "no_such_contract"),
        ("colour", "red", "unknown_field"),
    ],
)
async def test_a_wrong_field_is_named(
    api: AsyncClient, staff: dict[str, str], url: str, field: str, value: Any, code: str
) -> None:
    assert wrong(await api.post(url, json={**UTM, field: value}, headers=staff)) == {field: code}


@pytest.mark.requirement("UTM-01", "GEN-07")
async def test_a_wrong_mail_address_is_named_by_its_place(api: AsyncClient, staff: dict[str, str], url: str) -> None:
    """Up to 254 characters, and none twice."""
    long = "a" * 242
    answer = await api.post(
        url,
        json={
            **UTM,
            "customer_addresses": ["a@b.jp", "no address"],
            "service_desk_addresses": [f"{long}@b.example.jp"],
            "report_addresses": ["a@b.jp", "A@B.jp"],
        },
        headers=staff,
    )
    assert wrong(answer) == {
        "customer_addresses.1": "invalid_mail_address",
        "service_desk_addresses.0": "too_long",
        "report_addresses.1": "duplicate",
    }


@pytest.mark.requirement("UTM-01", "UTM-02", "ADD-05", "GEN-07")
async def test_what_is_known_only_of_customer_and_device_is_named_beside_a_wrong_shape(
    api: AsyncClient, staff: dict[str, str], url: str
) -> None:
    """At the first try, as far as the body can be read."""
    besides = {"mac_address": "A0:B1:C2:D3:E4:F5", "contract_number": "A-S99999999", "postal_code": None, "address": ""}
    assert wrong(await api.post(url, json={**UTM, **besides, "name": ""}, headers=staff)) == {
        "name": "required",
        "mac_address": "mac_of_another_utm",
        "contract_number": "no_such_contract",
        "postal_code": "required",
        "address": "required",
    }
    unreadable = {**besides, "utm_id": "A1", "postal_code": "105-001", "contract_number": 7}
    assert wrong(await api.post(url, json={**UTM, **unreadable}, headers=staff)) == {
        "utm_id": "invalid_utm_id",
        "postal_code": "invalid_postal_code",
        "address": "required",
        "contract_number": "wrong_type",
    }


@pytest.mark.requirement("UTM-01")
async def test_a_device_needs_a_contract_in_force(
    api: AsyncClient, staff: dict[str, str], customer_id: str, world: World
) -> None:
    """None, one that has not begun, and one whose last day is over do not do."""
    url = f"{CUSTOMERS}/{customer_id}/utms"
    now = await world.clock.now()
    yesterday, tomorrow = (now.date() + timedelta(days=days) for days in (-1, 2))

    async def refusal() -> str:
        answer = await api.post(url, json=UTM, headers=staff)
        assert answer.status_code == 409
        return str(answer.json()["code"])

    assert await refusal() == "no_contract_in_force"
    await contract(world, customer_id, start_date=tomorrow)
    await contract(world, customer_id, status="cancelled", cancellation_date=yesterday)
    await contract(world, customer_id, ended_at=now)
    assert await refusal() == "no_contract_in_force"
    await contract(world, customer_id, status="cancelled", cancellation_date=tomorrow)
    await registered(api, staff, url)


@pytest.mark.requirement("UTM-01", "GEN-05")
async def test_an_id_that_is_taken_is_refused_alike_whosever_it_is(
    api: AsyncClient, staff: dict[str, str], url: str, world: World
) -> None:
    """Another customer's, another tenant's, one's own: the answers are the same."""
    await registered(api, staff, url)
    await make_tenant(world.database, OTHER, await world.clock.now())
    stranger = await sign_in_staff(world, OTHER)
    made = await api.post(
        url.replace(TENANT, OTHER).rsplit("/", 2)[0], json=await company(api, staff, url), headers=stranger
    )
    other_customer = made.json()["customer_id"]
    await contract(world, other_customer, tenant_id=OTHER)
    theirs = await api.post(f"/v1/tenants/{OTHER}/customers/{other_customer}/utms", json=UTM, headers=stranger)
    own = await api.post(url, json=UTM, headers=staff)
    assert (theirs.status_code, theirs.json()) == (own.status_code, own.json())
    assert own.json()["code"] == "already_exists"


async def company(api: AsyncClient, staff: dict[str, str], url: str) -> Any:
    fields = ("company_name", "last_name", "first_name", "mail_address", "postal_code", "prefecture", "address")
    customer = (await api.get(url.removesuffix("/utms"), headers=staff)).json()
    return {name: customer[name] for name in (*fields, "phone_number")}


@pytest.mark.requirement("GEN-03", "UTM-01")
async def test_the_same_registration_answers_with_the_same_token(
    api: AsyncClient, staff: dict[str, str], url: str
) -> None:
    headers = {**staff, "Idempotency-Key": "register"}
    first, again = [(await api.post(url, json=UTM, headers=headers)).json() for _ in range(2)]
    assert first == again


@pytest.mark.requirement("UTM-01")
async def test_the_one_address_of_the_application_is_taken_when_none_is_given(
    api: AsyncClient, staff: dict[str, str], url: str, world: World, customer_id: str
) -> None:
    """With two candidates it must be given."""
    place = {"postal_code": "105-0001", "prefecture": "東京都", "address": "港区虎ノ門1-2-3", "quantity": 2}
    nowhere = {name: value for name, value in UTM.items() if name not in {"postal_code", "address"}}
    assert wrong(await api.post(url, json=nowhere, headers=staff)) == {"postal_code": "required", "address": "required"}
    await applied(world, customer_id, [place, {**place, "quantity": 3}])
    taken = await api.post(url, json=nowhere, headers=staff)
    assert (taken.json()["postal_code"], taken.json()["address"]) == ("105-0001", "東京都港区虎ノ門1-2-3")
    async with world.database.transaction(TENANT) as connection:
        both = [place, {**place, "address": "港区芝1-1-1"}]
        await connection.execute(update(ServiceApplication).values(utm_destinations=both))
    refused = await api.post(url, json={**nowhere, "utm_id": "a1a1b2b2c3c4"}, headers=staff)
    assert wrong(refused) == {"postal_code": "required", "address": "required"}


@pytest.mark.requirement("UTM-01")
async def test_a_device_counts_for_the_contract_that_names_it_else_for_the_oldest_with_room(
    api: AsyncClient, staff: dict[str, str], customer_id: str, world: World
) -> None:
    url = f"{CUSTOMERS}/{customer_id}/utms"
    new = await contract(world, customer_id, utm_quantity=2)
    old = await contract(world, customer_id, start_date=date(2020, 1, 1))
    naming = await contract(world, customer_id, start_date=date(2999, 1, 1), utm_id="a1a1b2b2c300")
    without = await contract(world, customer_id, includes_utm=False, utm_quantity=0)
    numbers = [f"a1a1b2b2c30{last}" for last in range(5)]
    devices = [await registered(api, staff, url, utm_id=number) for number in numbers]
    assert [device["contract_number"] for device in devices] == [naming, old, new, new, None]
    chosen = await api.patch(f"{url}/{numbers[4]}", json={"contract_number": new}, headers=staff)
    assert chosen.json()["contract_number"] == new
    refused = await api.patch(f"{url}/{numbers[4]}", json={"contract_number": without}, headers=staff)
    assert wrong(refused) == {"contract_number": "no_such_contract"}


@pytest.mark.requirement("UTM-02")
async def test_the_mac_address_is_entered_once_and_is_the_ids(
    api: AsyncClient, staff: dict[str, str], url: str, world: World, customer_id: str
) -> None:
    """By whoever comes first; then it is read-only."""
    await registered(api, staff, url)
    device = f"{url}/{UTM['utm_id']}"
    user = await portal_user(world, customer_id)
    mac = {"mac_address": "A1:A1:B2:B2:C3:C3"}
    assert wrong(await api.patch(device, json={"mac_address": "A0:B1:C2:D3:E4:F5"}, headers=user)) == {
        "mac_address": "mac_of_another_utm"
    }
    entered = await api.patch(device, json=mac, headers=user)
    assert (entered.json()["mac_address"], entered.json()["mac_entered"]) == ("A1:A1:B2:B2:C3:C3", True)
    assert (await api.patch(device, json=mac, headers=staff)).json()["code"] == "nothing_changed"
    other = await api.patch(device, json={"mac_address": "A0:B1:C2:D3:E4:F5"}, headers=staff)
    assert wrong(other) == {"mac_address": "read_only"}


@pytest.mark.requirement("UTM-03")
async def test_staff_change_all_but_id_and_serial(api: AsyncClient, staff: dict[str, str], url: str) -> None:
    await registered(api, staff, url)
    device = f"{url}/{UTM['utm_id']}"
    tag = (await api.get(device, headers=staff)).headers["ETag"]
    change = {"delivery_status": "納品済み", "service_desk_addresses": [], "name": "本社2階"}
    changed = await api.patch(device, json=change, headers={**staff, "If-Match": tag})
    assert {name: changed.json()[name] for name in change} == change
    assert (await api.patch(device, json=change, headers=staff)).json()["code"] == "nothing_changed"
    assert (await api.patch(device, json={"name": "x"}, headers={**staff, "If-Match": tag})).status_code == 412
    fixed = await api.patch(device, json={"utm_id": "a1a1b2b2c3c4", "serial_number": "S" * 15}, headers=staff)
    assert wrong(fixed) == {"utm_id": "read_only", "serial_number": "read_only"}
    assert wrong(await api.patch(device, json={"name": ""}, headers=staff)) == {"name": "required"}


@pytest.mark.requirement("UTM-03")
async def test_portal_users_change_name_place_and_their_addresses_of_their_own_devices(
    api: AsyncClient, staff: dict[str, str], url: str, world: World, customer_id: str
) -> None:
    """The rest is the staff's, and the delivery status theirs alone to see."""
    await registered(api, staff, url)
    device = f"{url}/{UTM['utm_id']}"
    user = await portal_user(world, customer_id)
    shown = (await api.get(device, headers=user)).json()
    assert (shown["serial_number"], shown["delivery_status"]) == (UTM["serial_number"], None)
    assert [item["utm_id"] for item in (await api.get(url, headers=user)).json()["items"]] == [UTM["utm_id"]]
    change = {
        "name": "支店",
        "postal_code": "530-0001",
        "address": "大阪府大阪市北区梅田1-1",
        "report_addresses": ["r@m.jp"],
    }
    assert (await api.patch(device, json=change, headers=user)).status_code == 200
    theirs = {"delivery_status": "x", "service_desk_addresses": [], "name": "本店"}
    assert wrong(await api.patch(device, json=theirs, headers=user)) == {
        "delivery_status": "read_only",
        "service_desk_addresses": "read_only",
    }
    for answer in (
        await api.post(url, json=UTM, headers=user),
        await api.delete(device, headers=user),
        await api.post(f"{device}/rotate-token", headers=user),
    ):
        assert answer.status_code == 403
    other = await portal_user(world, str((await created(api, staff))["customer_id"]))
    for answer in (await api.get(url, headers=other), await api.patch(device, json={"name": "x"}, headers=other)):
        assert answer.status_code == 404


@pytest.mark.requirement("UTM-04")
async def test_a_rotated_or_deleted_devices_token_is_dead_and_the_device_can_come_back(
    api: AsyncClient, staff: dict[str, str], url: str, world: World
) -> None:
    """Of a deleted one the row stays, without addresses; it is found nowhere, and its ID is free."""
    first = (await registered(api, staff, url))["device_token"]
    device = f"{url}/{UTM['utm_id']}"
    second = (await api.post(f"{device}/rotate-token", headers=staff)).json()["device_token"]
    assert await digests(world) == [digest(second)]
    assert first != second
    assert (await api.delete(device, headers=staff)).status_code == 204
    assert (await api.get(device, headers=staff)).status_code == 404
    assert (await api.delete(device, headers=staff)).status_code == 404
    assert (await api.get(url, headers=staff)).json()["total"] == 0
    assert await digests(world) == [None]
    await registered(api, staff, url)
    async with world.database.transaction(TENANT) as connection:
        told = (await connection.execute(select(AuditEntry.what).where(AuditEntry.subject == UTM["utm_id"]))).scalars()
        assert list(told) == ["utm_registered", "utm_token_rotated", "utm_deleted", "utm_registered"]


async def digests(world: World) -> list[str | None]:
    async with world.database.transaction(TENANT) as connection:
        return list((await connection.execute(select(Utm.token_digest))).scalars())


@pytest.mark.requirement("CAN-05", "CON-10", "UTM-05")
async def test_a_device_is_served_as_long_as_its_contract_is_in_force(
    api: AsyncClient, staff: dict[str, str], world: World, customer_id: str, url: str
) -> None:
    """From the first to the end of the last day, in the tenant's zone; list, detail and the customer's page say so."""
    assert (await registered(api, staff, url))["served"] is True
    now = await world.clock.now()
    yesterday, today, tomorrow = (day_of(now + timedelta(days=n), "Asia/Tokyo") for n in (-1, 0, 1))
    in_force = {"start_date": today, "status": "active", "cancellation_date": None, "ended_at": None}
    for columns, served in (
        ({"start_date": tomorrow}, False),
        ({}, True),
        ({"status": "cancelled", "cancellation_date": today}, True),
        ({"status": "cancelled", "cancellation_date": yesterday}, False),
        ({"status": "expired", "ended_at": now}, False),
    ):
        async with world.database.transaction(TENANT) as connection:
            await connection.execute(update(Contract).values(in_force | columns))
        assert [item["served"] for item in (await api.get(url, headers=staff)).json()["items"]] == [served], columns
        assert (await api.get(f"{url}/{UTM['utm_id']}", headers=staff)).json()["served"] is served
        page = (await api.get(f"{CUSTOMERS}/{customer_id}", headers=staff)).json()
        assert [device["served"] for device in page["utms"]] == [served]
    changed = await api.patch(f"{url}/{UTM['utm_id']}", json={"name": "支店"}, headers=staff)
    assert changed.json()["served"] is False


@pytest.mark.requirement("CAN-05")
async def test_a_device_without_a_contract_of_its_own_is_served_as_long_as_its_customer_has_one(
    api: AsyncClient, staff: dict[str, str], world: World, customer_id: str, url: str
) -> None:
    """The first takes the contract's only place; another company's contract serves nobody here."""
    await registered(api, staff, url)
    second = await registered(api, staff, url, utm_id="a1a1b2b2c3c4")
    assert (second["contract_number"], second["served"]) == (None, True)
    await contract(world, str((await created(api, staff))["customer_id"]))
    async with world.database.transaction(TENANT) as connection:
        over = update(Contract).where(Contract.customer_id == customer_id)
        await connection.execute(over.values(ended_at=await world.clock.now()))
    assert [item["served"] for item in (await api.get(url, headers=staff)).json()["items"]] == [False, False]
    await contract(world, customer_id)
    assert [item["served"] for item in (await api.get(url, headers=staff)).json()["items"]] == [False, True]
