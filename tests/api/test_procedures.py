"""Procedures over HTTP: where they stand, what comes next, and their whole history (GEN-04)."""

from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import delete

from api.procedure_wording import sentence
from models.tables.procedures import Procedure
from models.vocabulary import Language
from tests.api.test_service_application import confirmed
from tests.world import TENANT, World, eventually, make_tenant, sign_in_staff

ROOT = Path(__file__).parent.parent.parent
PROCEDURES = f"/v1/tenants/{TENANT}/procedures"


async def read(api: AsyncClient, headers: dict[str, str], url: str) -> Any:
    answer = await api.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def approved(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    """An approved application, its signup begun. Returns its number."""
    number = await confirmed(api, staff, world)
    url = f"/v1/tenants/{TENANT}/applications/{number}"
    assert (await api.post(f"{url}/approve", json={}, headers=staff)).status_code == 200
    await world.mails_to("hanako@minato.example", 1)
    return number


@pytest.mark.requirement("GEN-04")
async def test_the_timeline_tells_who_did_what_when_and_which_mails_went(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str], world: World
) -> None:
    """In order, in words of the caller's language; the operator reads the same as staff."""
    number = await confirmed(api, staff, world)
    url = f"{PROCEDURES}/service-application-{TENANT}-{number}"

    async def mails_have_gone() -> bool:
        timeline = (await read(api, staff, url))["timeline"]
        return [event["what"] for event in timeline].count("mail_sent") == 3

    await eventually(mails_have_gone)
    procedure = await read(api, staff, url)
    assert (procedure["kind"], procedure["subject"]) == ("service-application", number)
    assert (procedure["state"], procedure["waiting_for"]) == ("unapproved", "staff")
    assert [step["what"] for step in procedure["next"]] == ["remind_staff"]
    happened = [(event["what"], event["by"]) for event in procedure["timeline"]]
    assert happened[0] == ("application_submitted", "applicant")
    assert ("application_confirmed", "applicant") in happened
    instants = [event["at"] for event in procedure["timeline"]]
    assert instants == sorted(instants)
    assert await read(api, operator, url) == procedure
    english = await read(api, {**staff, "Accept-Language": "en"}, url)
    assert english["timeline"][0]["text"] == sentence("application_submitted", Language.EN)
    assert procedure["timeline"][0]["text"] == sentence("application_submitted", Language.JA)
    assert "minato.example" not in str(procedure)


@pytest.mark.requirement("GEN-04")
async def test_the_list_is_filtered_by_kind_state_subject_customer_and_whether_it_is_under_way(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    number = await approved(api, staff, world)
    customers = (await read(api, staff, f"/v1/tenants/{TENANT}/customers"))["items"]
    customer_id = customers[0]["customer_id"]

    async def found(query: str) -> list[str]:
        return [item["kind"] for item in (await read(api, staff, f"{PROCEDURES}?{query}"))["items"]]

    assert await found("") == ["signup", "service-application"]
    assert await found("open=false") == ["service-application"]
    assert await found("open=true&kind=signup") == ["signup"]
    assert await found("state=approved") == ["service-application"]
    assert await found(f"subject={number}") == ["service-application"]
    assert await found(f"customer_id={customer_id}") == ["signup"]
    assert await found("customer_id=A99999999") == []
    page = await read(api, staff, f"{PROCEDURES}?limit=1")
    assert (len(page["items"]), page["total"]) == (1, 2)
    rest = await read(api, staff, f"{PROCEDURES}?limit=1&cursor={page['next_cursor']}")
    assert [item["kind"] for item in rest["items"]] == ["service-application"]
    wrong = await api.get(f"{PROCEDURES}?kind=nothing&open=perhaps", headers=staff)
    assert [error["field"] for error in wrong.json()["errors"]] == ["kind", "open"]


@pytest.mark.requirement("GEN-02", "GEN-05")
async def test_what_is_accepted_and_not_recorded_yet_is_found_by_its_tenant_alone(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """The address of a 202 leads somewhere at once: Temporal knows of the procedure before the tables do."""
    number = await confirmed(api, staff, world)
    procedure_id = f"service-application-{TENANT}-{number}"
    async with world.database.transaction(TENANT) as connection:  # as if its first record were still to come
        await connection.execute(delete(Procedure).where(Procedure.procedure_id == procedure_id))
    procedure = await read(api, staff, f"{PROCEDURES}/{procedure_id}")
    assert (procedure["id"], procedure["state"], procedure["subject"]) == (procedure_id, "starting", number)
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    for tenant in (TENANT, "T9000000"):
        answer = await api.get(f"/v1/tenants/{tenant}/procedures/{procedure_id}", headers=stranger)
        assert answer.status_code == 404
    for nothing in (f"signup-{TENANT}-XX000000", "nonsense", f"-{TENANT}-"):
        assert (await api.get(f"{PROCEDURES}/{nothing}", headers=staff)).status_code == 404


@pytest.mark.requirement("GEN-08")
async def test_only_the_operator_lists_what_waits_and_speaks_to_it(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str], world: World
) -> None:
    """Staff may not; a procedure that is not there is 404; without a reason nothing is taken."""
    number = await confirmed(api, staff, world)
    url = f"{PROCEDURES}/service-application-{TENANT}-{number}/retry"
    assert (await api.get("/v1/attention", headers=staff)).status_code == 403
    assert (await api.post(url, json={"reason": "x"}, headers=staff)).status_code == 403
    assert (await api.post(url, json={}, headers=operator)).status_code == 422
    unknown = await api.post(f"{PROCEDURES}/nothing/retry", json={"reason": "x"}, headers=operator)
    assert unknown.status_code == 404
    idle = await api.post(url, json={"reason": "x"}, headers=operator)
    assert (idle.status_code, idle.json()["state"]) == (409, "unapproved")
    assert (await read(api, operator, "/v1/attention"))["items"] == []
