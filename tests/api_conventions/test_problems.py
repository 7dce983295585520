"""How the API says no (GEN-07): a tiny app with one route for each way."""

import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Annotated, Any

import httpx2
import psycopg
import pytest
import pytest_asyncio
import sqlalchemy.exc
from fastapi import FastAPI, Path, Query
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api import problems, wording
from api.input_errors import field_errors
from api.security_headers import SecurityHeaders
from models import refusals
from models.fields import Input, Quantity
from models.messages.service_application import ServiceApplicationInput
from models.vocabulary import Decision, Language


class Odd(Input):
    on: date
    at: datetime
    decision: Decision
    quantity: Quantity


FAILURES: dict[str, Exception] = {
    "refused": refusals.WrongState(state="approved", facts={"decided_at": "2026-08-01", "status": 200}),
    "locked": refusals.AccountLocked(),
    "busy": refusals.TooManyRequests(retry_after=17),
    "unauthenticated": refusals.Unauthenticated(),
    "workflow": WorkflowUpdateFailedError(ApplicationError("no", {"state": "denied"}, type="wrong_state")),
    "unknown-workflow-error": WorkflowUpdateFailedError(ApplicationError("secret", type="KeyError")),
    "database": sqlalchemy.exc.OperationalError("SELECT secret", {}, psycopg.OperationalError("gone")),
    "pool": sqlalchemy.exc.TimeoutError("QueuePool limit"),
    "temporal": RPCError("gone", RPCStatusCode.UNAVAILABLE, b""),
    "temporal-aborted": RPCError("update aborted", RPCStatusCode.ABORTED, b""),
    "temporal-worker-dies": RPCError("Workflow Task in failed state", RPCStatusCode.FAILED_PRECONDITION, b""),
    "temporal-slow": RPCError("slow", RPCStatusCode.DEADLINE_EXCEEDED, b""),
    "temporal-mistake": RPCError("bad", RPCStatusCode.INVALID_ARGUMENT, b""),
    "temporal-not-connected": RuntimeError("Failed client connect: Server connection error"),
    "mistake": KeyError("secret"),
    "other-runtime-error": RuntimeError("secret"),
}


def tiny_app() -> FastAPI:
    app = FastAPI()
    problems.register(app)
    app.add_middleware(SecurityHeaders)

    @app.post("/apply")
    async def apply(body: ServiceApplicationInput) -> ServiceApplicationInput:
        return body

    @app.get("/apply")
    async def form() -> None:
        raise NotImplementedError

    @app.post("/odd")
    async def odd(body: Odd) -> Odd:
        return body

    @app.get("/things/{number}")
    async def thing(
        number: Annotated[str, Path(pattern="^AAP-")], limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> str:
        return f"{number} {limit}"

    @app.get("/fail/{way}")
    async def fail(way: str) -> None:
        raise FAILURES[way]

    return app


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=tiny_app(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://test", headers={"Accept-Language": "en"}
    ) as client:
        yield client


def wrong_fields(answer: httpx2.Response) -> dict[str, str]:
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.requirement("GEN-07")
async def test_wrong_input_names_every_field_and_why(client: httpx2.AsyncClient) -> None:
    """Dotted names, stable codes, and sentences with the limit."""
    user = {"last_name": "a", "first_name": "x" * 257, "mail_address": "a@x.jp", "mobile_number": "090-1"}
    body = {
        "company": {"company_name": "x" * 41, "mail_address": "nobody", "postal_code": "1", "prefecture": "東京"},
        "utm_destinations": [{"quantity": 1000, "phone_number": " "}],
        "portal_users": [user, {**user, "tenant_id": "T1000000"}],
        "extra": {"": "x"},
        "state": "approved",
    }
    answer = await client.post("/apply", json=body)
    assert answer.status_code == 422
    fields = wrong_fields(answer)
    assert fields["company.company_name"] == "too_long"
    assert fields["company.mail_address"] == "invalid_mail_address"
    assert fields["company.postal_code"] == "invalid_postal_code"
    assert fields["company.prefecture"] == "unknown_prefecture"
    assert fields["company.last_name"] == "required"
    assert fields["utm_destinations.0.quantity"] == "too_large"
    assert fields["utm_destinations.0.phone_number"] == "required"
    assert fields["portal_users.1.first_name"] == "too_long"
    assert fields["portal_users.1.mobile_number"] == "digits_only"
    assert fields["portal_users.1.tenant_id"] == "unknown_field"
    assert fields["state"] == "unknown_field"
    messages = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert messages["company.company_name"] == "At most 40 characters."
    assert messages["utm_destinations.0.quantity"] == "At most 999."


async def test_a_repeated_address_is_named_where_it_is_repeated(client: httpx2.AsyncClient) -> None:
    """The list's own error points into the list."""
    user = {"last_name": "a", "first_name": "b", "mail_address": "a@x.jp"}
    answer = await client.post("/apply", json={"portal_users": [user, {**user, "mail_address": "A@x.jp"}]})
    assert wrong_fields(answer)["portal_users.1.mail_address"] == "duplicate"


@pytest.mark.requirement("GEN-07")
def test_choices_are_listed_alike_in_every_language() -> None:
    """Pydantic names them in an English sentence of its own."""
    ctx = {"expected": "'month', 'year' or 'day'"}
    (error,) = field_errors([{"type": "enum", "loc": ("body", "unit"), "input": "x", "ctx": ctx}])
    assert error.limits == {"choices": "month, year, day"}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("on", "2026-02-30", "invalid_date"),
        ("on", "tomorrow", "invalid_date"),
        ("at", "noon", "invalid_instant"),
        ("decision", "maybe", "unknown_choice"),
        ("quantity", "three", "whole_number"),
        ("quantity", "", "required"),
        ("quantity", None, "required"),
        ("quantity", {"a": 1}, "whole_number"),
    ],
)
async def test_each_kind_of_wrong_value_has_its_code(
    client: httpx2.AsyncClient, field: str, value: object, code: str
) -> None:
    """Stable, whatever the validating library calls it."""
    body = {"on": "2026-08-01", "at": "2026-08-01T00:00:00Z", "decision": "deny", "quantity": 1, field: value}
    assert wrong_fields(await client.post("/odd", json=body)) == {field: code}


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"\xff", 400), (b"", 422), (b"[]", 422), (b"null", 422)])
async def test_a_body_that_is_none_is_refused(client: httpx2.AsyncClient, content: bytes, status: int) -> None:
    """Broken, missing, or of another kind."""
    answer = await client.post("/odd", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, problems.MEDIA_TYPE)


async def test_wrong_values_are_not_repeated(client: httpx2.AsyncClient) -> None:
    """What was sent may be a secret, or a script."""
    answer = await client.post("/odd", json={"decision": "<script>", "quantity": "s3cret"})
    assert "<script>" not in answer.text
    assert "s3cret" not in answer.text


async def test_the_language_follows_the_caller(client: httpx2.AsyncClient) -> None:
    """Japanese when nothing is said."""
    for header, language in (("en-GB,ja;q=0.5", "en"), ("fr, ja;q=0.2, en;q=0.1", "ja"), ("", "ja"), ("*", "ja")):
        answer = await client.get("/fail/locked", headers={"Accept-Language": header})
        assert answer.headers["content-language"] == language
        assert ("ロック" in answer.json()["detail"]) is (language == "ja")
    assert (await client.get("/fail/locked?lang=ja")).headers["content-language"] == "ja"


@pytest.mark.requirement("APP-14")
@pytest.mark.parametrize(("way", "state"), [("refused", "approved"), ("workflow", "denied")])
async def test_a_refused_transition_tells_the_present_state(client: httpx2.AsyncClient, way: str, state: str) -> None:
    """Whether the refusal was raised here or came out of a workflow."""
    answer = await client.get(f"/fail/{way}")
    document = answer.json()
    assert (answer.status_code, document["code"], document["state"]) == (409, "wrong_state", state)


async def test_facts_become_members_but_displace_none(client: httpx2.AsyncClient) -> None:
    """RFC 9457's own members stay what they are."""
    document = (await client.get("/fail/refused")).json()
    assert document["decided_at"] == "2026-08-01"
    assert document["status"] == 409
    assert document["title"] == "Wrong state"
    assert document["type"] == "/docs#problem-wrong_state"


@pytest.mark.parametrize(
    "way",
    [
        "database",
        "pool",
        "temporal",
        "temporal-aborted",
        "temporal-worker-dies",
        "temporal-slow",
        "temporal-not-connected",
    ],
)
async def test_an_engine_out_of_reach_is_503_with_retry_after(client: httpx2.AsyncClient, way: str) -> None:
    """And tells nothing of the engine."""
    answer = await client.get(f"/fail/{way}")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")
    assert "secret" not in answer.text


@pytest.mark.parametrize("way", ["mistake", "other-runtime-error", "unknown-workflow-error", "temporal-mistake"])
async def test_a_mistake_of_ours_shows_an_error_id_and_nothing_else(client: httpx2.AsyncClient, way: str) -> None:
    """No stack, no message; the id is in the log."""
    answer = await client.get(f"/fail/{way}")
    document = answer.json()
    assert (answer.status_code, document["code"]) == (500, "internal_error")
    assert document["error_id"] in document["detail"]
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_retry_after_and_authenticate_stand_in_the_headers(client: httpx2.AsyncClient) -> None:
    """429 says when, 401 says how."""
    assert (await client.get("/fail/busy")).headers["retry-after"] == "17"
    assert (await client.get("/fail/unauthenticated")).headers["www-authenticate"] == "Bearer"


async def test_unknown_addresses_and_methods_get_problems_too(client: httpx2.AsyncClient) -> None:
    """404 and 405 in the same form; an impossible id is an unknown one."""
    for answer, status, code in (
        (await client.get("/nowhere"), 404, "not_found"),
        (await client.delete("/apply"), 405, "method_not_allowed"),
        (await client.get("/things/7"), 404, "not_found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert (await client.delete("/apply")).headers["allow"] == "GET, POST"


async def test_a_limit_over_200_is_wrong_input(client: httpx2.AsyncClient) -> None:
    """Query fields are named like body fields."""
    assert wrong_fields(await client.get("/things/AAP-1?limit=201")) == {"limit": "too_large"}


async def test_every_answer_has_the_security_headers(client: httpx2.AsyncClient) -> None:
    """Problems and successes alike."""
    for path in ("/things/AAP-1", "/fail/locked", "/fail/mistake", "/nowhere"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_every_code_speaks_both_languages() -> None:
    """With the limits it names."""
    names = "max_length min_length minimum maximum choices max_bytes line column character written allowed"
    limits: dict[str, Any] = dict.fromkeys(names.split(), 1)
    for code in wording.CODES:
        error = refusals.FieldError("x", code, limits)
        assert wording.sentence(error, Language.JA) != wording.sentence(error, Language.EN)


def test_an_error_nobody_knows_is_still_named() -> None:
    """A new kind of the validating library becomes `invalid`, never a crash."""
    (error,) = field_errors([{"type": "something_new", "loc": ("body", "a", 0), "input": {}}])
    assert (error.field, error.code) == ("a.0", "invalid")
    assert json.dumps(wording.sentence(error, Language.EN))
