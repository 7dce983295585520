"""What a request may be before anything reads it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from api import problems, rate_limits
from api.limits import MAX_BYTES, BodyLimits, json_depth
from api.rate_limits import RateLimiter, client_key, per_client
from models.refusals import TooManyRequests
from settings import RateLimits


def tiny_app(**options: Any) -> FastAPI:
    app = FastAPI()
    problems.register(app)
    app.add_middleware(BodyLimits, **options)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def length(request: Request) -> dict[str, int]:
        return {"length": len(await request.body())}

    return app


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test")


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b"x" * 1024
    yield b"x" * (size % 1024)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_at_most_64_kib(*, chunked: bool) -> None:
    """Declared or in chunks; the last byte that fits arrives whole."""
    async with client_of(tiny_app()) as client:
        for size, status in ((MAX_BYTES, 200), (MAX_BYTES + 1, 413)):
            content: Any = in_chunks(size) if chunked else b"x" * size
            answer = await client.post("/x", content=content, headers={"Content-Type": "text/plain"})
            assert answer.status_code == status
            assert answer.json() == {"length": size} if status == 200 else answer.json()["code"] == "body_too_large"


async def test_a_declared_size_is_refused_before_any_byte() -> None:
    """Nobody waits for what will be refused."""
    read = False

    async def receive() -> dict[str, Any]:
        nonlocal read
        read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for declared in (b"65537", b"-1", b"many"):
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/x",
            "query_string": b"",
            "headers": [(b"content-length", declared)],
        }
        await BodyLimits(tiny_app())(scope, receive, send)
        assert sent.pop(0)["status"] == 413
        sent.clear()
    assert not read


async def test_a_form_may_be_larger_than_json_says_the_same_in() -> None:
    """A form writes nine bytes for a Japanese character."""
    async with client_of(tiny_app()) as client:
        for path, size, status in (
            ("/v1/apply/token", MAX_BYTES + 1, 413),
            ("/apply/token", 256 * 1024, 200),
            ("/apply/token", 256 * 1024 + 1, 413),
            ("/v1/device/alerts", 2 * 1024 * 1024, 200),
            ("/applyx", MAX_BYTES + 1, 413),
        ):
            answer = await client.post(path, content=b"x" * size, headers={"Content-Type": "text/plain"})
            assert answer.status_code == status


async def test_a_slow_body_is_refused() -> None:
    """The time counts for the whole body, so that drops of it do not help."""

    async def never_ending() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    async with client_of(tiny_app(seconds=0.1)) as client:
        answer = await client.post("/x", content=never_ending())
        assert (answer.status_code, answer.json()["code"]) == (408, "body_too_slow")


@pytest.mark.parametrize(("depth", "status"), [(20, 200), (21, 400), (30_000, 400)])
async def test_json_is_at_most_20_deep(depth: int, status: int) -> None:
    """With or without a content type; brackets in strings do not count."""
    async with client_of(tiny_app()) as client:
        for headers in ({"Content-Type": "application/json"}, {}):
            content = "[" * depth + '"[[[[[[[[[[[[[[[[[[[[[[["' + "]" * depth
            answer = await client.post("/x", content=content.encode(), headers=headers)
            assert answer.status_code == status


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_depth_is_the_parsers(value: object) -> None:
    """However strings are escaped."""

    def depth(part: object) -> int:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    for escaped in (True, False):
        assert json_depth(json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")) == depth(value)


def test_no_body_makes_the_depth_slow() -> None:
    """Unclosed strings and escapes are passed over once."""
    for part in (b'"', b'\\"', b'"\\', b'"\\"', b"[", b'["'):
        json_depth(part * (2 * 1024 * 1024 // len(part)))


async def test_a_null_character_is_in_no_name() -> None:
    """The database would refuse it as an error of ours."""
    async with client_of(tiny_app()) as client:
        assert (await client.get("/things/a%00b")).status_code == 404
        refused = await client.get("/things?name=%00&size=1")
    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [("name", "invalid_characters")]


async def test_a_caller_who_leaves_costs_nothing() -> None:
    """The app is not even asked."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def fail(*_: object) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": []}
    await BodyLimits(fail)(scope, receive, fail)


LIMITS = RateLimits(sign_in_per_client="2/hour", apply_per_address="1/day")


async def test_the_request_after_the_last_allowed_is_429_with_retry_after() -> None:
    """Counted per client, each for itself."""
    app = FastAPI()
    problems.register(app)
    rate_limits.register(app, RateLimiter(LIMITS))

    @app.post("/sessions", dependencies=[per_client("sign_in_per_client")])
    async def sessions() -> None:
        return None

    async def ask(address: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/sessions")

    assert [(await ask("192.0.2.1")).status_code for _ in range(3)] == [200, 200, 429]
    refused = await ask("192.0.2.1")
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 7200
    assert (await ask("192.0.2.2")).status_code == 200


async def test_a_mail_address_is_limited_however_it_is_spelled() -> None:
    """And apart from other limits."""
    limiter = RateLimiter(LIMITS)
    await limiter.take("apply_per_address", "a@example.jp")
    await limiter.take("password_reset_per_address", "a@example.jp")
    with pytest.raises(TooManyRequests):
        await limiter.take("apply_per_address", "A@Example.jp")


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_its_address_or_its_network(host: str, key: str) -> None:
    """With IPv6 a client has as many addresses as it likes."""
    assert client_key(Request({"type": "http", "client": (host, 1), "headers": []})) == key


def test_every_setting_is_a_limit() -> None:
    """The names of the code and of the settings are the same."""
    assert set(RateLimits.model_fields) == set(rate_limits.LimitName.__args__)  # type: ignore[attr-defined]  # a Literal has its values there
