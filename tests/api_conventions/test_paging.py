"""Lists on a real database: limits, cursors, sorting, number filters; and entity tags."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI, Query, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import BigInteger, Date, column, insert, select, update

from api import problems
from api.etags import check_if_match, etag, tagged
from api.paging import Order, Page, PagingQuery, _decoded, compared, fetch_page, resolve_order
from models.database import Database
from models.refusals import InvalidInput, PreconditionFailed
from models.tables.people import Person

TABLE = Person.__table__
START = datetime(2026, 8, 1, tzinfo=UTC)


class Listed(BaseModel):
    person_id: str
    created_at: datetime


def tiny_app(database: Database) -> FastAPI:
    app = FastAPI()
    problems.register(app)

    @app.get("/persons")
    async def persons(paging: PagingQuery, name: Annotated[str, Query()] = "") -> Page[Listed]:
        allowed = {name: TABLE.c[name] for name in ("created_at", "mail_address", "password_changed_at")}
        order = resolve_order(paging.sort, allowed, default="-created_at")
        query = select(TABLE.c.person_id, TABLE.c.created_at).where(TABLE.c.mail_address.contains(name))
        async with database.transaction() as connection:
            rows = await fetch_page(connection, query, order=order, key=TABLE.c.person_id, paging=paging)
        return rows.page(lambda row: Listed(person_id=row.person_id, created_at=row.created_at))

    return app


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    await add(database, range(23))
    transport = httpx2.ASGITransport(app=tiny_app(database))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def add(database: Database, numbers: Any) -> None:
    # Three persons an instant, so that the key has to decide between equals.
    rows = [
        {"person_id": f"p{n:02}", "mail_address": f"m{99 - n}@x.jp", "created_at": START + timedelta(hours=n // 3)}
        for n in numbers
    ]
    async with database.transaction() as connection:
        await connection.execute(insert(Person), rows)


async def all_pages(client: httpx2.AsyncClient, **parameters: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        asked = parameters | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/persons", params=asked)).json()
        assert page["total"] == 23
        found += [item["person_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 22, 23, 24, 200])
@pytest.mark.parametrize("sort", ["created_at", "-created_at", "mail_address", "-mail_address"])
async def test_the_pages_are_the_list(client: httpx2.AsyncClient, limit: int, sort: str) -> None:
    """Each row once, in order, however many to a page; the last page has no next cursor."""
    ids = [f"p{n:02}" for n in range(23)]
    forwards = sort in ("created_at", "-mail_address")
    assert await all_pages(client, limit=limit, sort=sort) == (ids if forwards else ids[::-1])


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 22, 23, 200])
@pytest.mark.parametrize("nulls", [0, 1, 17, 22, 23])
async def test_rows_without_a_value_are_on_the_pages_too(
    client: httpx2.AsyncClient, database: Database, limit: int, nulls: int
) -> None:
    """Behind all others, or before them the other way, wherever a page ends."""
    ids = [f"p{n:02}" for n in range(23)]
    given_ids, null_ids = ids[nulls:], ids[:nulls]
    async with database.transaction() as connection:
        given_rows = TABLE.c.person_id.in_(given_ids)
        await connection.execute(update(Person).where(given_rows).values(password_changed_at=TABLE.c.created_at))
    assert await all_pages(client, limit=limit, sort="password_changed_at") == given_ids + null_ids
    assert await all_pages(client, limit=limit, sort="-password_changed_at") == (given_ids + null_ids)[::-1]


async def test_what_comes_meanwhile_neither_repeats_nor_hides_a_row(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """The next page goes on after the last row seen."""
    first = (await client.get("/persons", params={"limit": 5})).json()
    await add(database, range(30, 40))  # newer: before what has been seen
    second = (await client.get("/persons", params={"limit": 5, "cursor": first["next_cursor"]})).json()
    assert [item["person_id"] for item in second["items"]] == ["p17", "p16", "p15", "p14", "p13"]
    assert second["total"] == 33


async def test_50_are_shown_unless_asked_and_200_at_most(client: httpx2.AsyncClient) -> None:
    """0 and 201 are wrong input."""
    assert len((await client.get("/persons")).json()["items"]) == 23
    for limit, status in (("1", 200), ("200", 200), ("0", 422), ("201", 422), ("-1", 422), ("x", 422)):
        assert (await client.get("/persons", params={"limit": limit})).status_code == status


async def test_an_unknown_order_names_the_known_ones(client: httpx2.AsyncClient) -> None:
    """What is not allowed is never put into a statement."""
    for sort in ("password_hash", "created_at; DROP TABLE", "--created_at", "-"):
        answer = await client.get("/persons", params={"sort": sort})
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["field"], error["code"]) == (422, "sort", "unknown_choice")
        assert "created_at, mail_address" in error["message"]


async def test_a_cursor_of_another_list_is_refused(client: httpx2.AsyncClient) -> None:
    """Of another order, damaged, or made up."""
    page = (await client.get("/persons", params={"limit": 5, "sort": "mail_address"})).json()
    made_up = ["x", "e30", "W10", "bnVsbA", "====", "é", "WyItY3JlYXRlZF9hdCIsMSwyXQ", page["next_cursor"]]
    for cursor in made_up:
        answer = await client.get("/persons", params={"cursor": cursor})
        assert answer.status_code == 422
        assert [error["code"] for error in answer.json()["errors"]] == ["invalid_cursor"]


@given(st.binary() | st.text())
def test_no_cursor_is_an_error_of_ours(content: bytes | str) -> None:
    """Whatever it decodes to."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    for cursor in (base64.urlsafe_b64encode(raw).decode(), content if isinstance(content, str) else "x"):
        with pytest.raises(InvalidInput):
            _decoded(cursor, Order("a", TABLE.c.created_at, descending=False), TABLE.c.person_id)


@pytest.mark.requirement("CUS-04")
@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("eq:5", "balance = 5"),
        ("ne:-5", "balance IS DISTINCT FROM -5"),
        ("gte:1000", "balance >= 1000"),
        ("lte:0", "balance <= 0"),
    ],
)
def test_a_number_filter_compares(text: str, sql: str) -> None:
    """Equal, not equal, at least, at most."""
    (condition,) = compared({"balance": ([text], column("balance", BigInteger))})
    assert str(condition.compile(compile_kwargs={"literal_binds": True})) == sql


def test_a_date_is_compared_as_a_date() -> None:
    """The last invoice's, for one."""
    (condition,) = compared({"last_invoice_date": (["gte:2026-08-01"], column("last_invoice_date", Date))})
    assert str(condition.compile(compile_kwargs={"literal_binds": True})) == "last_invoice_date >= '2026-08-01'"


@pytest.mark.parametrize(
    "text", ["5", "gt:5", "eq:", "eq:x", "eq:1.5", "eq:9999999999999999999", "eq:٣", "", "eq:1 OR 1"]
)
def test_a_filter_of_another_form_is_wrong_input(text: str) -> None:
    """Each field is named, once."""
    with pytest.raises(InvalidInput) as refusal:
        compared({name: ([text, "eq:1"], column(name, BigInteger)) for name in ("balance", "quantity")})
    errors = [(error.field, error.code) for error in refusal.value.errors]
    assert errors == [("balance", "invalid_filter"), ("quantity", "invalid_filter")]


def test_no_filter_is_no_condition() -> None:
    """An absent one filters nothing."""
    assert compared({"balance": (None, column("balance", BigInteger))}) == []


def test_what_has_no_version_is_tagged_by_what_is_told_of_it() -> None:
    """Alike as long as nothing has changed, strong, and another when anything has."""
    tags = []
    for person_id, created_at in (("p1", START), ("p1", START), ("p1", START + timedelta(seconds=1)), ("p2", START)):
        response = Response()
        told = Listed(person_id=person_id, created_at=created_at)
        assert tagged(response, told) is told
        tags.append(response.headers["ETag"])
    assert tags[0] == tags[1]
    assert len(set(tags)) == 3
    assert all(tag[0] == tag[-1] == '"' for tag in tags)


@pytest.mark.requirement("CUS-02")
def test_a_stale_tag_is_refused() -> None:
    """The current one, any, and none pass."""
    current = etag("A00000001", 3)
    for passing in (None, "*", current, f'"other", {current}'):
        check_if_match(passing, current)
    for stale in (etag("A00000001", 2), f"W/{current}", current.strip('"'), "", '"'):
        with pytest.raises(PreconditionFailed):
            check_if_match(stale, current)
