"""Service applications over HTTP: what a client may send, and what it is told."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from models.tables.procedures import Mail
from tests.world import TENANT, World, eventually, make_tenant, sign_in_staff

PERSON = {"last_name": "山田", "first_name": "太郎"}
PLACE = {
    "company_name": "みなと商事",
    "postal_code": "105-0011",
    "prefecture": "東京都",
    "address": "港区芝公園4-2-8",
    "phone_number": "0312345678",
}
FORM: dict[str, Any] = {
    "company": {**PERSON, **PLACE, "mail_address": "taro@minato.example"},
    "utm_destinations": [{**PERSON, **PLACE, "quantity": 2}],
    "portal_users": [{**PERSON, "mail_address": "hanako@minato.example"}],
}


async def invitation_token(api: AsyncClient, staff: dict[str, str]) -> str:
    answer = await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)
    return str(answer.json()["url"]).rsplit("/", 1)[1]


async def submitted(api: AsyncClient, staff: dict[str, str]) -> str:
    token = await invitation_token(api, staff)
    answer = await api.post(f"/v1/apply/{token}", json=FORM)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["application_number"])


async def confirmed(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    number = await submitted(api, staff)
    procedure = f"service-application-{TENANT}-{number}"
    await world.client.get_workflow_handle(procedure).execute_update(
        "confirm", {"command_id": "confirm", "actor": "applicant"}
    )
    return number


@pytest.mark.requirement("APP-07", "GEN-03")
async def test_the_same_key_and_body_gives_the_first_answer_and_one_application(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """A repeated submission has the effect of one; the same key with another body is refused."""
    token = await invitation_token(api, staff)
    key = {"Idempotency-Key": "apply-1"}
    first = await api.post(f"/v1/apply/{token}", json=FORM, headers=key)
    second = await api.post(f"/v1/apply/{token}", json=FORM, headers=key)
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, first.json())
    await world.mails_to("taro@minato.example", 1)
    other = await api.post(f"/v1/apply/{token}", json={**FORM, "extra": {}}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.requirement("GEN-07", "APP-05")
async def test_every_wrong_field_is_named_the_tenants_own_questions_too(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Each once, whether form, answers, or both are wrong; what is no application is told so."""
    fields = [
        {"label": "回線", "required": True, "kind": "choice", "choices": ["光回線", "CATV"]},
        {"label": "紹介者", "required": True, "kind": "text"},
    ]
    defined = await api.put(f"/v1/tenants/{TENANT}/extra-fields", json={"fields": fields}, headers=operator)
    assert defined.status_code == 200
    url = f"/v1/apply/{await invitation_token(api, staff)}"
    nameless = FORM["company"] | {"company_name": ""}

    async def wrong(**given: Any) -> dict[str, str]:
        answer = await api.post(url, json=FORM | given)
        assert answer.status_code == 422, answer.text
        errors = answer.json()["errors"]
        named = {error["field"]: error["code"] for error in errors}
        assert len(named) == len(errors)
        return named

    name, line, referrer = {"company.company_name": "required"}, "extra.回線", "extra.紹介者"
    assert await wrong() == {line: "required", referrer: "required"}
    assert await wrong(company=nameless) == name | {line: "required", referrer: "required"}
    given = {" 回線 ": "CATV", "紹介者": 1, "色": "赤"}
    assert await wrong(company=nameless, extra=given) == name | {referrer: "wrong_type", "extra.色": "unknown_field"}
    none_at_all = await wrong(extra=["CATV"])
    assert none_at_all == {"extra": "wrong_type", line: "required", referrer: "required"}
    assert (await api.post(url, json=[])).json()["errors"] == [
        {"field": "body", "code": "wrong_type", "message": "形式が正しくありません。"}
    ]
    unknown = await api.post("/v1/apply/nobody", json=FORM | {"company": nameless})
    assert unknown.status_code == 404


@pytest.mark.requirement("APP-14")
async def test_of_approve_and_deny_at_once_one_wins_and_the_other_learns_the_state(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    number = await confirmed(api, staff, world)
    url = f"/v1/tenants/{TENANT}/applications/{number}"
    answers = await asyncio.gather(
        api.post(f"{url}/approve", json={}, headers=staff), api.post(f"{url}/deny", json={}, headers=staff)
    )
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    assert lost.json()["state"] == won.json()["state"]
    await eventually(lambda: len(world.mails.to("taro@minato.example")) == 3)
    late = await api.post(f"{url}/approve", json={}, headers=staff)
    assert (late.status_code, late.json()["state"]) == (409, won.json()["state"])


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_application_is_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """Staff of another tenant cannot decide it under their own tenant's address nor under its own."""
    number = await confirmed(api, staff, world)
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    for tenant in (TENANT, "T9000000"):
        answer = await api.post(f"/v1/tenants/{tenant}/applications/{number}/approve", json={}, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.requirement("APP-13", "USR-03")
@pytest.mark.parametrize("decision", ["approve", "deny", "hold"])
async def test_what_a_decisions_dry_run_foresees_is_what_then_happens(
    api: AsyncClient, staff: dict[str, str], world: World, decision: str
) -> None:
    """Every mail, to whom and when, until nothing more comes; the dry run itself changes nothing."""
    number = await confirmed(api, staff, world)
    url = f"/v1/tenants/{TENANT}/applications/{number}/{decision}"
    dry = await api.post(url, json={"dry_run": True}, headers=staff)
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True), dry.text
    decided = await api.post(url, json={}, headers=staff)
    assert decided.json()["state"] == dry.json()["state"]
    consequences = [(one["what"], datetime.fromisoformat(one["at"])) for one in dry.json()["consequences"]]
    mails = [
        (one["detail"]["template"], recipient, datetime.fromisoformat(one["at"]))
        for one in dry.json()["consequences"]
        if one["what"] == "mail"
        for recipient in one["detail"]["recipients"]
    ]
    last = max(at for _, at in consequences)
    await world.advance_to(last + timedelta(minutes=1))
    assert (decided.json()["customer_id"] is not None) == any(what == "customer_created" for what, _ in consequences)

    async def all_queued() -> bool:
        return len(await queued(world, since=min(at for _, at in consequences))) == len(mails)

    await eventually(all_queued)
    happened = await queued(world, since=min(at for _, at in consequences))
    for (template, recipient, at), (was, to, when) in zip(sorted(mails), sorted(happened), strict=True):
        assert (template, recipient) == (was, to)
        assert timedelta(0) <= when - at < timedelta(minutes=1)
    again = await api.post(url, json={"dry_run": True}, headers=staff)
    assert again.status_code == 409


async def queued(world: World, *, since: datetime) -> list[tuple[str, str, datetime]]:
    """Template, recipient and time of every mail since then."""
    async with world.database.transaction(TENANT) as connection:
        rows = await connection.execute(
            select(Mail.template, Mail.recipient, Mail.queued_at).where(Mail.queued_at >= since)
        )
        return [(row.template, row.recipient, row.queued_at) for row in rows]
