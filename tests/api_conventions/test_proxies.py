"""Whom the API takes for the client when a reverse proxy stands in front of it; what it is called, nobody tells it."""

import pytest
from fastapi import FastAPI, Request
from httpx2 import ASGITransport, AsyncClient

from api.app import create_app, server_config
from api.context import Context
from settings import Settings
from tests.api.test_service_application import FORM
from tests.world import TENANT, World

PROXY, FORGER = "10.1.2.3", "203.0.113.9"
FORGED = {
    "Host": "attacker.example",
    "X-Forwarded-Host": "attacker.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "444",
    "Forwarded": "host=attacker.example;proto=https",
}


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


@pytest.mark.requirement("GEN-06")
async def test_a_forged_host_is_in_no_link(context: Context, world: World, staff: dict[str, str]) -> None:
    """Neither the caller nor a proxy that is trusted says where a link leads: not in a mail, an answer, or a page."""
    settings = context.settings.model_copy(update={"trusted_proxies": PROXY})
    config = server_config(create_app(context), settings)
    config.load()
    transport = ASGITransport(app=config.loaded_app, client=(PROXY, 1))
    url = f"/v1/tenants/{TENANT}/invitation"
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as api:
        plain = await api.get(url, headers=staff)
        forged = await api.get(url, headers=staff | FORGED)
        token = str(forged.json()["url"]).rpartition("/")[2]
        page = await api.get(f"/apply/{token}", headers=FORGED)
        sent = await api.post(f"/v1/apply/{token}", json=FORM, headers=FORGED)
        added = await api.post(
            f"/v1/tenants/{TENANT}/staff", json={"mail_address": "jiro@partner.example"}, headers=staff | FORGED
        )
    assert (page.status_code, sent.status_code, added.status_code) == (200, 201, 201)
    assert forged.json() == plain.json()
    assert forged.json()["url"].startswith(f"{settings.base_url}/")
    for recipient in ("taro@minato.example", "jiro@partner.example"):
        await world.mails_to(recipient, 1)
        [mail] = world.mails.to(recipient)
        assert mail.link.startswith(f"{settings.base_url}/links/")
        assert "attacker" not in mail.text
    for answer in (forged, page, sent, added):
        assert "attacker" not in answer.text + str(answer.headers)
