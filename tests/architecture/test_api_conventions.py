"""Every route keeps the conventions of the API, whoever wrote it."""

import ast
from collections.abc import Iterator
from inspect import getsource, isfunction, signature
from textwrap import dedent
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from temporalio.client import Client

from api.app import create_app
from api.commands import Commands
from api.context import Context
from models.clock import SystemClock
from models.database import Database
from models.encryption import Cipher
from models.links import LinkKey
from settings import Settings

OPERATIONS = ("get", "put", "post", "patch", "delete")
UNTAGGED = {
    "/v1/companies": "a search, at most ten hits",
    "/v1/device/commands": "waits for what is new",
    "/v1/rehearsal/clock": "another at every look",
}


@pytest.fixture(scope="module")
async def app() -> FastAPI:
    settings = Settings(
        operator_key="o",
        link_key="l",
        payload_keys={"k": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="},
        payload_key_id="k",
        session_keys={},
        session_key_id="k",
    )
    client = await Client.connect("127.0.0.1:1", lazy=True)
    return create_app(
        Context(
            settings=settings,
            database=Database("postgresql://app@127.0.0.1:1/none"),
            commands=Commands(client, "queue", settings.durations.synchronous_answer),
            clock=SystemClock(),
            cipher=Cipher({"k": b"k" * 32}, current="k"),
            link_key=LinkKey(b"l"),
        )
    )


@pytest.fixture(scope="module")
def operations(app: FastAPI) -> dict[str, dict[str, Any]]:
    """By `METHOD /path`, only what the version's clients call."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/") and method in OPERATIONS
    }


def parameters(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", [])}


@pytest.mark.requirement("GEN-03")
def test_every_post_takes_an_idempotency_key(operations: dict[str, dict[str, Any]]) -> None:
    """Doing it once is no choice of a route."""
    posts = {name: operation for name, operation in operations.items() if name.startswith("POST ")}
    assert [name for name, operation in posts.items() if "Idempotency-Key" not in parameters(operation)] == []


@pytest.mark.requirement("GEN-03")
def test_every_post_goes_by_its_key(app: FastAPI) -> None:
    """To take one and not to look at it would be a promise that nobody keeps."""
    posts = [route for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]
    handed_over = {route.path: "posted" in signature(route.endpoint).parameters for route in posts}
    assert [
        path for path, is_handed_over in handed_over.items() if path.startswith("/v1/") and not is_handed_over
    ] == []
    unused = [
        route.path
        for route in posts
        if handed_over[route.path]
        and not any(
            isinstance(name, ast.Name) and name.id == "posted"
            for name in ast.walk(ast.parse(dedent(getsource(route.endpoint))))
        )
    ]
    assert unused == []


@pytest.mark.requirement("GEN-07")
def test_every_operation_tells_how_it_says_no(operations: dict[str, dict[str, Any]]) -> None:
    """A problem document, always."""
    for operation in operations.values():
        assert "application/problem+json" in operation["responses"]["4XX"]["content"]


def test_every_list_is_paged(app: FastAPI, operations: dict[str, dict[str, Any]]) -> None:
    """What answers `next_cursor` takes `limit` and `cursor`."""
    schemas = app.openapi()["components"]["schemas"]
    pages = {name for name, schema in schemas.items() if "next_cursor" in schema.get("properties", {})}
    for name, operation in operations.items():
        content = operation["responses"].get("200", {}).get("content", {})
        answer = str(content.get("application/json", {}).get("schema", {}).get("$ref", "")).rpartition("/")[2]
        assert answer not in pages or {"limit", "cursor"} <= parameters(operation), name


def test_every_answer_of_one_thing_has_its_tag(app: FastAPI) -> None:
    """Set by the route itself, or by a function that it calls."""
    things = {
        route.path: route.endpoint
        for route in app.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and _is_one_thing(route)
    }
    untagged = {path for path, endpoint in things.items() if not any('"ETag"' in text for text in _sources(endpoint))}
    assert untagged == UNTAGGED.keys()


def _is_one_thing(route: APIRoute) -> bool:
    model: Any = route.response_model
    return route.path.startswith("/v1/") and model is not None and "next_cursor" not in model.model_fields


def _sources(endpoint: Any) -> Iterator[str]:
    yield getsource(endpoint)
    for name in ast.walk(ast.parse(dedent(getsource(endpoint)))):
        called = endpoint.__globals__.get(name.id) if isinstance(name, ast.Name) else None
        if isfunction(called):
            yield getsource(called)
