"""Whom the API takes for the client when a reverse proxy stands in front of it."""

import pytest
from fastapi import FastAPI, Request
from httpx2 import ASGITransport, AsyncClient

from api.app import server_config
from settings import Settings

PROXY, FORGER = "10.1.2.3", "203.0.113.9"


async def client_seen(settings: Settings, sender: str, forwarded_for: str) -> str:
    app = FastAPI()

    @app.get("/")
    async def who(request: Request) -> str:
        return request.client.host if request.client else ""

    config = server_config(app, settings)
    config.load()
    transport = ASGITransport(app=config.loaded_app, client=(sender, 1))
    async with AsyncClient(transport=transport, base_url="http://api") as client:
        return str((await client.get("/", headers={"X-Forwarded-For": forwarded_for})).json())


@pytest.mark.parametrize(
    ("trusted", "sender", "seen"),
    [
        (None, PROXY, PROXY),
        ("10.0.0.0/8,192.0.2.1", PROXY, "198.51.100.7"),
        ("10.0.0.0/8,192.0.2.1", FORGER, FORGER),
    ],
)
async def test_only_a_trusted_proxy_says_who_the_client_is(
    settings: Settings, trusted: str | None, sender: str, seen: str
) -> None:
    """Otherwise whoever writes the header chooses whose limits count."""
    settings = settings.model_copy(update={"trusted_proxies": trusted})
    assert await client_seen(settings, sender, "198.51.100.7") == seen


async def test_a_client_cannot_put_another_before_itself(settings: Settings) -> None:
    """The proxy appends the address that it saw; that one counts."""
    settings = settings.model_copy(update={"trusted_proxies": PROXY})
    assert await client_seen(settings, PROXY, f"198.51.100.7, {FORGER}") == FORGER
