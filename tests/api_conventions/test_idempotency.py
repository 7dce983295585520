"""Doing it once (GEN-03): a tiny app over a real database, with one route for each kind of effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI, Header, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from api import idempotency, problems
from api.idempotency import Idempotency, PostedRequest
from models import idempotent_answers
from models.clock import SystemClock
from models.database import Database
from models.encryption import Cipher
from models.refusals import WrongState

pytestmark = pytest.mark.requirement("GEN-03")


class Thing(BaseModel):
    thing_id: str
    name: str


class ThingInput(BaseModel):
    name: str
    size: int = 0


class Effects:
    """What the tiny app has done: the stand-in for Temporal, which answers a repeated command id with its result."""

    def __init__(self) -> None:
        self.commands: dict[str, str] = {}
        self.drawn: list[str] = []
        self.refuse = False
        self.break_after_effect = False


def tiny_app(database: Database, effects: Effects) -> FastAPI:
    app = FastAPI()
    problems.register(app)
    cipher = Cipher({"k": b"k" * 32}, current="k")
    idempotency.register(app, Idempotency(database, SystemClock(), cipher, b"seed"))

    @app.post("/tenants/{tenant_id}/commands", status_code=201)
    async def command(
        tenant_id: str, body: ThingInput, posted: PostedRequest, caller: Annotated[str, Header()] = "ann"
    ) -> Response:
        once = await posted.by(caller)
        if effects.refuse:
            raise WrongState(state="denied")
        thing_id = effects.commands.setdefault(once.command_id, f"{tenant_id}-{len(effects.commands)}")
        effects.drawn.append(once.draw().application_number())
        if effects.break_after_effect:
            raise ConnectionResetError
        return await once.answer(Thing(thing_id=thing_id, name=body.name), status=201, location=f"/things/{thing_id}")

    @app.post("/rows")
    async def rows(body: ThingInput, posted: PostedRequest) -> Response:
        async with database.transaction() as connection:
            once = await posted.by("ann", connection)
            thing = Thing(thing_id=once.draw().opaque_id(), name=body.name)
            await connection.execute(
                text("INSERT INTO persons (person_id, mail_address, created_at) VALUES (:id, :id, :at)"),
                {"id": Thing.model_validate(thing).thing_id, "at": datetime.now(UTC)},
            )
            answer = await once.answer(thing)
            if effects.break_after_effect:
                raise ConnectionResetError
            return answer

    @app.post("/anonymous", status_code=204)
    async def anonymous(posted: PostedRequest) -> Response:
        once = await posted.by(posted.client)
        effects.commands[once.command_id] = ""
        return await once.answer(None, status=204)

    return app


@asynccontextmanager
async def client_of(app: FastAPI, address: str = "127.0.0.1") -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
async def client(database: Database, effects: Effects) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(tiny_app(database, effects)) as client:
        yield client


async def post(client: httpx2.AsyncClient, path: str, key: str | None, **options: Any) -> httpx2.Response:
    headers = {**({"Idempotency-Key": key} if key else {}), **options.pop("headers", {})}
    return await client.post(path, headers=headers, **({"json": {"name": "a"}} | options))


async def stored(database: Database) -> list[Any]:
    async with database.transaction() as connection:
        return list(await connection.execute(text("SELECT * FROM idempotent_answers")))


async def test_a_repetition_gets_the_first_answer(client: httpx2.AsyncClient, effects: Effects) -> None:
    """Same status, body and Location, marked as given again; nothing is done."""
    first = await post(client, "/tenants/T1/commands", "k-1")
    again = await post(client, "/tenants/T1/commands", "k-1")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["location"] == again.headers["location"] == "/things/T1-0"
    assert again.headers["content-type"] == "application/json"
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(effects.drawn) == 1


async def test_the_same_json_spelled_otherwise_is_the_same_request(client: httpx2.AsyncClient) -> None:
    """Order and white space do not matter."""
    for content in (b'{"name": "a", "size": 1}', b'{ "size":1,"name":"\\u0061" }'):
        answer = await client.post(
            "/tenants/T1/commands",
            content=content,
            headers={"Idempotency-Key": "k", "Content-Type": "application/json"},
        )
        assert answer.status_code == 201
    assert answer.headers["idempotent-replayed"] == "true"


async def test_a_key_with_another_body_is_refused(client: httpx2.AsyncClient, effects: Effects) -> None:
    """And nothing is done."""
    await post(client, "/tenants/T1/commands", "k-1")
    answer = await post(client, "/tenants/T1/commands", "k-1", json={"name": "b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(effects.drawn) == 1


async def test_a_key_is_its_callers_own(client: httpx2.AsyncClient, effects: Effects) -> None:
    """Another caller, another tenant and another route have other effects under the same key."""
    await post(client, "/tenants/T1/commands", "k")
    await post(client, "/tenants/T1/commands", "k", headers={"Caller": "bob"})
    await post(client, "/tenants/T2/commands", "k")
    await post(client, "/rows", "k")
    assert len(effects.commands) == 3
    assert len(set(effects.drawn)) == 3


async def test_a_stranger_elsewhere_does_not_get_the_answer(database: Database, effects: Effects) -> None:
    """Of anonymous callers the address counts."""
    app = tiny_app(database, effects)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        async with client_of(app, address) as client:
            answer = await post(client, "/anonymous", "k")
            assert (answer.status_code, answer.content) == (204, b"")
    assert len(effects.commands) == 2


async def test_without_a_key_every_request_counts(
    client: httpx2.AsyncClient, effects: Effects, database: Database
) -> None:
    """Nothing is stored, and no command id is like another."""
    for _ in range(2):
        await post(client, "/tenants/T1/commands", None)
    assert len(effects.commands) == 2
    assert await stored(database) == []


@pytest.mark.parametrize("key", [b"", b"x" * 256, "日本".encode(), b"a\x7f"])
async def test_a_key_has_1_to_255_printable_characters(client: httpx2.AsyncClient, key: bytes) -> None:
    """Anything else is a problem with that header."""
    answer = await client.post("/rows", json={"name": "a"}, headers={b"Idempotency-Key": key})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert (await post(client, "/rows", "x" * 255)).status_code == 200


async def test_a_refusal_is_not_stored(client: httpx2.AsyncClient, effects: Effects) -> None:
    """Once its reason is gone, the same key succeeds."""
    effects.refuse = True
    assert (await post(client, "/tenants/T1/commands", "k")).status_code == 409
    effects.refuse = False
    assert (await post(client, "/tenants/T1/commands", "k")).status_code == 201


@pytest.mark.requirement("GEN-02")
async def test_a_crash_before_the_answer_was_stored_leaves_one_effect(
    client: httpx2.AsyncClient, effects: Effects
) -> None:
    """The repetition has the same command id and draws the same ids."""
    effects.break_after_effect = True
    assert (await post(client, "/tenants/T1/commands", "k")).status_code == 500
    effects.break_after_effect = False
    assert (await post(client, "/tenants/T1/commands", "k")).status_code == 201
    assert len(effects.commands) == 1
    assert len(set(effects.drawn)) == 1


async def test_what_is_done_is_answered_though_its_answer_cannot_be_kept(
    client: httpx2.AsyncClient, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away meanwhile. The repetition is the same command, and is answered alike."""

    async def away(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    with monkeypatch.context() as patched:
        patched.setattr(idempotent_answers, "keep", away)
        first = await post(client, "/tenants/T1/commands", "k")
    again = await post(client, "/tenants/T1/commands", "k")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(effects.commands) == 1


async def test_an_edit_of_rows_and_its_answer_are_one(
    client: httpx2.AsyncClient, effects: Effects, database: Database
) -> None:
    """When the transaction fails, neither is there."""
    effects.break_after_effect = True
    assert (await post(client, "/rows", "k")).status_code == 500
    assert await stored(database) == []
    effects.break_after_effect = False
    first = await post(client, "/rows", "k")
    assert (await post(client, "/rows", "k")).content == first.content
    assert len(await stored(database)) == 1


async def test_equal_requests_at_once_have_one_effect_and_equal_answers(client: httpx2.AsyncClient) -> None:
    """Each waits for the one before it."""
    answers = await asyncio.gather(*(post(client, "/rows", "k") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 4


async def test_equal_commands_at_once_have_equal_answers(client: httpx2.AsyncClient, effects: Effects) -> None:
    """The engine's own de-duplication by command id does the rest."""
    answers = await asyncio.gather(*(post(client, "/tenants/T1/commands", "k") for _ in range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert len(effects.commands) == 1


async def test_stored_answers_are_unreadable_and_are_forgotten(client: httpx2.AsyncClient, database: Database) -> None:
    """They may hold what is shown only once; they are kept for a time."""
    await post(client, "/rows", "k", json={"name": "secret-name"})
    (row,) = await stored(database)
    assert b"secret-name" not in bytes(row.body)
    async with database.transaction() as connection:
        assert await idempotent_answers.forget(connection, row.created_at) == 0
        assert await idempotent_answers.forget(connection, row.created_at + timedelta(seconds=1)) == 1


async def test_a_repetition_of_what_is_told_no_more_is_refused_and_nothing_is_done(
    client: httpx2.AsyncClient, effects: Effects, database: Database
) -> None:
    """A secret, a day after it was shown; with another body the key is refused as ever."""
    await post(client, "/tenants/T1/commands", "k")
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE idempotent_answers SET is_secret = true"))
        await idempotent_answers.forget_secrets(connection, datetime.now(UTC) + timedelta(seconds=1))
    again = await post(client, "/tenants/T1/commands", "k")
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    other = await post(client, "/tenants/T1/commands", "k", json={"name": "b"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(effects.drawn) == 1
