"""Staff look applications up, keep notes on them, and take them home as a file."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import insert, select, update

from models.identifiers import Draw
from models.tables.applications import ServiceApplication
from models.tables.procedures import AuditEntry
from models.tables.tenants import Tenant
from models.vocabulary import ApplicationState
from tests.api.test_service_application import FORM, confirmed
from tests.world import TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/applications"
OTHER = "T9000000"
NOON = "2026-11-20T12:00:00+09:00"
NEVER_GIVEN = (ApplicationState.AWAITING_CONFIRMATION, ApplicationState.LAPSED)
HEAD = (
    "\ufeff"
    '"application_number","application_date","status","account_name","last_name","first_name","department",'
    '"position","mail_address","zipcode","state","address","phone_number","payment_method","payment_type",'
    '"notes","notes2","notes3","utm_account_name","utm_last_name","utm_first_name","utm_department",'
    '"utm_phone_number","utm_zipcode","utm_address","utm_application_time","utm_count"'
)


async def make_application(
    world: World, at: str = NOON, *, state: str = "unapproved", tenant_id: str = TENANT, **columns: Any
) -> str:
    """An application as its procedure records it. Returns its number."""
    submitted_at = datetime.fromisoformat(at)
    row: dict[str, Any] = {
        "application_number": Draw().application_number(),
        "company_name": FORM["company"]["company_name"],
        **{name: FORM[name] for name in ("company", "utm_destinations", "portal_users")},
        "extra": {},
        "language": "ja",
        "confirmed_at": None if state in NEVER_GIVEN else submitted_at,
        **columns,
    }
    times = {"submitted_at": submitted_at, "confirm_by": submitted_at + timedelta(days=1)}
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(insert(ServiceApplication).values(tenant_id=tenant_id, state=state, **times, **row))
    return str(row["application_number"])


async def found(api: AsyncClient, staff: dict[str, str], **query: Any) -> list[str]:
    answer = await api.get(URL, params=query, headers=staff)
    assert answer.status_code == 200, answer.text
    return [item["application_number"] for item in answer.json()["items"]]


async def ask_questions(world: World, *labels: str) -> None:
    fields = [{"label": label, "required": False, "kind": "text", "choices": []} for label in labels]
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).where(Tenant.tenant_id == TENANT).values(extra_fields=fields))


async def csv(api: AsyncClient, staff: dict[str, str], **query: Any) -> Response:
    answer = await api.get(f"{URL}.csv", params=query, headers=staff)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.requirement("APP-10")
async def test_a_status_shows_its_own_and_no_status_what_is_undecided(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Each state alone, all of them, and by default those that wait for staff."""
    numbers = {state: await make_application(world, state=state) for state in ApplicationState}
    for state, number in numbers.items():
        assert await found(api, staff, status=state) == [number]
    assert set(await found(api, staff)) == {numbers[ApplicationState.UNAPPROVED], numbers[ApplicationState.ON_HOLD]}
    assert set(await found(api, staff, status="all")) == set(numbers.values())


@pytest.mark.requirement("APP-10", "GEN-01")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"from": "2026-11-20", "to": "2026-11-20"}, ["last", "first"]),
        ({"from": "2026-11-20"}, ["after", "last", "first"]),
        ({"to": "2026-11-20"}, ["last", "first", "before"]),
        ({"from": "2026-11", "to": "2026-11"}, ["after", "last", "first", "before"]),
        ({"from": "2026", "to": "2026"}, ["after", "last", "first", "before"]),
        ({"to": "2026-10"}, []),
        ({"from": "2027"}, []),
        ({"from": "2026-11-21", "to": "2026-11-19"}, []),
        ({"from": "", "to": " "}, ["after", "last", "first", "before"]),
    ],
)
async def test_a_period_is_of_days_in_the_tenants_zone(
    api: AsyncClient, staff: dict[str, str], world: World, query: dict[str, str], expected: list[str]
) -> None:
    """From the first to the last microsecond of a day in Tokyo."""
    instants = {
        "before": "2026-11-19T14:59:59.999999+00:00",
        "first": "2026-11-19T15:00:00+00:00",
        "last": "2026-11-20T14:59:59.999999+00:00",
        "after": "2026-11-20T15:00:00+00:00",
    }
    names = {await make_application(world, instant): name for name, instant in instants.items()}
    assert [names[number] for number in await found(api, staff, **query)] == expected


@pytest.mark.requirement("APP-10")
async def test_a_part_of_number_and_company_name_finds_it_in_any_case(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """What is a wildcard to the database is a letter to staff; both parts together narrow."""
    percent = await make_application(world, application_number="AAP-0000PCT1", company_name="100%_Minato")
    await make_application(world, application_number="AAP-0000PCT2", company_name="みなと商事")
    assert await found(api, staff, company_name="0%_minato") == [percent]
    assert await found(api, staff, company_name="0_minato") == []
    assert await found(api, staff, number="pct1") == [percent]
    assert len(await found(api, staff, number="0PCT")) == 2
    assert await found(api, staff, number="0PCT", company_name="商事") == ["AAP-0000PCT2"]
    assert len(await found(api, staff, number="", company_name="")) == 2


@pytest.mark.requirement("APP-10")
async def test_the_list_is_newest_first_and_goes_both_ways_page_by_page(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Applications of the same instant are neither repeated nor lost."""
    numbers = [await make_application(world, f"2026-11-{day}T00:00:00Z") for day in ("19", "20", "21")]
    twin = await make_application(world, "2026-11-20T00:00:00Z")
    assert [(await found(api, staff))[end] for end in (0, -1)] == [numbers[2], numbers[0]]
    upwards = await found(api, staff, sort="submitted_at")
    assert upwards == list(reversed(await found(api, staff, sort="-submitted_at")))
    paged, cursor = [], ""
    for _ in range(4):
        query = {"limit": "1", "sort": "submitted_at"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(URL, params=query, headers=staff)).json()
        paged += [item["application_number"] for item in page["items"]]
        assert page["total"] == 4
        cursor = page["next_cursor"]
    assert paged == upwards
    assert twin in paged
    assert cursor is None


@pytest.mark.requirement("APP-10", "GEN-07")
async def test_every_wrong_filter_is_named(api: AsyncClient, staff: dict[str, str]) -> None:
    """Also in the file's address."""
    answer = await api.get(URL, params={"from": "2026-13", "to": "soon", "limit": 201}, headers=staff)
    errors = {error["field"]: error["code"] for error in answer.json()["errors"]}
    assert (answer.status_code, errors) == (
        422,
        {"from": "invalid_period", "to": "invalid_period", "limit": "too_large"},
    )
    for query, field in (({"status": "open"}, "status"), ({"sort": "state"}, "sort"), ({"number": "\a"}, "number")):
        answer = await api.get(URL, params=query, headers=staff)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert (await api.get(f"{URL}.csv", params={"from": "0000"}, headers=staff)).status_code == 422


@pytest.mark.requirement("APP-10", "APP-17")
async def test_one_application_is_shown_with_everything(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """As it was sent, with its procedure, and a warning where an address has no house number (APP-06)."""
    vague = {**FORM["utm_destinations"][0], "address": "港区芝公園"}
    number = await make_application(
        world, extra={"紹介者": "鈴木"}, utm_destinations=[FORM["utm_destinations"][0], vague], memo1="急ぎ"
    )
    application = (await api.get(f"{URL}/{number}", headers=staff)).json()
    listed = (await api.get(URL, headers=staff)).json()["items"][0]
    assert listed.items() <= application.items()
    assert {name: listed[name] for name in ("state", "company_name", "last_name", "mail_address", "customer_id")} == {
        "state": "unapproved",
        "company_name": "みなと商事",
        "last_name": "山田",
        "mail_address": "taro@minato.example",
        "customer_id": None,
    }
    assert application["company"] == FORM["company"]
    assert application["utm_destinations"][1] == vague
    assert application["portal_users"] == FORM["portal_users"]
    assert application["extra"] == {"紹介者": "鈴木"}
    assert (application["memo1"], application["memo2"]) == ("急ぎ", None)
    assert application["procedure_id"] == f"service-application-{TENANT}-{number}"
    assert application["warnings"] == [{"field": "utm_destinations.1.address", "code": "no_house_number"}]


@pytest.mark.requirement("APP-11")
async def test_memos_are_edited_until_the_decision_and_then_stay_readable(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Unapproved, on hold, and refused with the state once approved; the approval shows its customer."""
    number = await confirmed(api, staff, world)
    url = f"{URL}/{number}"
    for memos, expected in (
        ({"memo1": "電話済み", "memo2": "a\r\nb"}, ("電話済み", "a\nb", None)),
        ({"memo3": "見積送付"}, ("電話済み", "a\nb", "見積送付")),
        ({"memo2": ""}, ("電話済み", None, "見積送付")),
    ):
        answer = await api.patch(url, json=memos, headers=staff)
        assert answer.status_code == 200, answer.text
        assert tuple(answer.json()[name] for name in ("memo1", "memo2", "memo3")) == expected
    await api.post(f"{url}/hold", json={}, headers=staff)
    held = await api.patch(url, json={"memo1": "保留中"}, headers=staff)
    assert (held.status_code, held.json()["state"], held.json()["memo1"]) == (200, "on_hold", "保留中")
    approved = await api.post(f"{url}/approve", json={}, headers=staff)
    late = await api.patch(url, json={"memo1": "遅い"}, headers={**staff, "If-Match": held.headers["ETag"]})
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "wrong_state", "approved")
    shown = (await api.get(url, headers=staff)).json()
    assert (shown["memo1"], shown["customer_id"]) == ("保留中", approved.json()["customer_id"])
    timeline = await world.timeline(f"service-application-{TENANT}-{number}")
    assert timeline.count("application_memos_changed") == 4


@pytest.mark.requirement("APP-11")
@pytest.mark.parametrize("decision", ["hold", "approve", "deny"])
async def test_a_decision_keeps_the_memos_it_does_not_name_and_clears_those_it_names_blank(
    api: AsyncClient, staff: dict[str, str], world: World, decision: str
) -> None:
    """As an edit does."""
    url = f"{URL}/{await confirmed(api, staff, world)}"
    await api.patch(url, json={"memo1": "電話済み", "memo2": "与信確認中", "memo3": "見積送付"}, headers=staff)
    decided = await api.post(f"{url}/{decision}", json={"memo1": "", "memo2": "与信済み"}, headers=staff)
    assert decided.status_code == 200, decided.text
    shown = (await api.get(url, headers=staff)).json()
    assert (shown["memo1"], shown["memo2"], shown["memo3"]) == (None, "与信済み", "見積送付")
    if decision == "approve":
        customer = await api.get(f"/v1/tenants/{TENANT}/customers/{shown['customer_id']}", headers=staff)
        assert (customer.json()["memo1"], customer.json()["memo2"]) == (None, "与信済み")


@pytest.mark.requirement("APP-11")
@pytest.mark.parametrize("state", sorted(set(ApplicationState) - {"unapproved", "on_hold"}))
async def test_memos_of_an_application_that_is_not_to_be_decided_are_refused(
    api: AsyncClient, staff: dict[str, str], world: World, state: str
) -> None:
    """Not confirmed yet, or over: the refusal names the state."""
    number = await make_application(world, state=state)
    answer = await api.patch(f"{URL}/{number}", json={"memo1": "x"}, headers=staff)
    assert (answer.status_code, answer.json()["state"]) == (409, state)


@pytest.mark.requirement("APP-11", "GEN-04")
async def test_a_stale_edit_is_refused_and_what_changes_nothing_leaves_no_trace(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """The audit log names the fields and not what was written."""
    number = await make_application(world)
    url = f"{URL}/{number}"
    read = (await api.get(url, headers=staff)).headers["ETag"]
    first = await api.patch(url, json={"memo1": "先"}, headers={**staff, "If-Match": read})
    second = await api.patch(url, json={"memo1": "後"}, headers={**staff, "If-Match": read})
    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "precondition_failed")
    for body in ({}, {"memo1": "先"}):
        same = await api.patch(url, json=body, headers={**staff, "If-Match": first.headers["ETag"]})
        assert (same.status_code, same.headers["ETag"]) == (200, first.headers["ETag"])
    for body in ({"memo1": "x" * 256}, {"memo4": "x"}, {"state": "approved"}):
        assert (await api.patch(url, json=body, headers=staff)).status_code == 422
    async with world.database.transaction(TENANT) as connection:
        query = select(AuditEntry.what, AuditEntry.detail).where(AuditEntry.subject == number)
        entries = [tuple(row) for row in await connection.execute(query)]
    assert entries == [("application_memos_changed", {"fields": ["memo1"]})]


@pytest.mark.requirement("GEN-05")
async def test_nothing_of_another_tenants_applications_is_there(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Neither in the list nor by number, nor in the file."""
    await make_tenant(world.database, OTHER, await world.clock.now())
    number = await make_application(world, tenant_id=OTHER)
    stranger = await sign_in_staff(world, OTHER)
    assert await found(api, staff, status="all") == []
    assert number not in (await csv(api, staff)).text
    for method in ("GET", "PATCH"):
        for tenant_id, who in ((TENANT, staff), (OTHER, staff), (TENANT, stranger)):
            url = f"/v1/tenants/{tenant_id}/applications/{number}"
            answer = await api.request(method, url, json={} if method == "PATCH" else None, headers=who)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await api.get(f"{URL}.csv", headers=stranger)).status_code == 404


@pytest.mark.requirement("APP-16")
async def test_the_file_has_a_row_for_each_destination_byte_by_byte(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """A byte order mark, CR LF, the columns in their order, further questions at the end, formulas made harmless."""
    await ask_questions(world, "紹介者", "=危険")
    company = {**FORM["company"], "company_name": '=HYPERLINK("x")', "department": None, "position": "部長"}
    branch = {**FORM["utm_destinations"][0], "company_name": "支店", "department": "総務", "quantity": 999}
    await make_application(
        world,
        "2026-11-20T15:30:00.5Z",
        state="approved",
        application_number="AAP-00000001",
        company=company,
        utm_destinations=[FORM["utm_destinations"][0], branch],
        extra={"紹介者": "鈴木", "もう聞かない": "x"},
        memo1="一\n二",
        memo3="＋1",
    )
    answer = await csv(api, staff)
    head = f'{HEAD},"紹介者","\'=危険"'
    shared = (
        '"AAP-00000001","2026-11-21","approved","\'=HYPERLINK(""x"")","山田","太郎","","部長","taro@minato.example",'
        '"105-0011","東京都","港区芝公園4-2-8","0312345678","その他","","一\n二","","\'＋1",'
    )
    place = '"0312345678","105-0011","東京都港区芝公園4-2-8","2026-11-21T00:30:00+09:00"'
    rows = [
        f'{shared}"みなと商事","山田","太郎","",{place},"2","鈴木",""',
        f'{shared}"支店","山田","太郎","総務",{place},"999","鈴木",""',
    ]
    assert answer.content == "".join(f"{line}\r\n" for line in (head, *rows)).encode()
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="applications.csv"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.requirement("APP-16", "APP-07")
async def test_the_file_has_the_period_and_no_other_filter(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Every state but what the tenant was never given; oldest first; an empty period is a head alone."""
    for day, state in enumerate(ApplicationState, 10):
        await make_application(world, f"2026-11-{day}T00:00:00+09:00", state=state)
    lines = (await csv(api, staff, status="denied", number="none", sort="-submitted_at")).text.splitlines()
    states = [line.split(",")[2].strip('"') for line in lines[1:]]
    assert states == [state for state in ApplicationState if state not in NEVER_GIVEN]
    narrow = await csv(api, staff, **{"from": "2026-11-11", "to": "2026-11-12"})
    assert [line.split(",")[2] for line in narrow.text.splitlines()[1:]] == ['"unapproved"', '"on_hold"']
    empty = await csv(api, staff, to="2025")
    assert empty.content == f"{HEAD}\r\n".encode()


@pytest.mark.requirement("APP-16")
async def test_a_file_of_many_batches_has_every_application_once(
    api: AsyncClient, staff: dict[str, str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of the same instant on two sides of a batch's end."""
    monkeypatch.setattr("api.application_csv._BATCH", 2)
    numbers = {await make_application(world) for _ in range(5)}
    lines = (await csv(api, staff)).text.splitlines()[1:]
    assert len(lines) == 5
    assert {line.split(",")[0].strip('"') for line in lines} == numbers
