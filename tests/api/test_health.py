"""Whether the process and its parts are there, as anybody may ask."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from httpx2 import ASGITransport, AsyncClient

from api.app import create_app
from api.context import Context
from models.database import Database
from settings import Settings
from telemetry import logging_to
from tests.world import World


def at_mail_port(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"smtp": settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port})})


@pytest.mark.requirement("GEN-05")
async def test_what_is_out_of_reach_is_named_and_nothing_else_is_told(context: Context, world: World) -> None:
    """Addresses and users stand in what goes wrong: the log has its kind and place."""
    away = Database("postgresql://secret-user@127.0.0.1:1/none")
    ailing = replace(context, database=away, settings=at_mail_port(context.settings, 1))
    log = StringIO()
    with logging_to(log, "INFO"):
        async with AsyncClient(transport=ASGITransport(app=create_app(ailing)), base_url="http://test") as client:
            answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {
            "ready": False,
            "parts": {"database": "out_of_reach", "temporal": "ok", "worker": "ok", "mail": "out_of_reach"},
        },
    )
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = {line["kind"]: line["exception"] for line in lines if line["event"] == "part out of reach"}
    assert told.keys() == {"database", "mail"}
    assert all(told.values())
    assert "secret-user" not in log.getvalue()
    well = replace(context, settings=at_mail_port(context.settings, world.mails.port))
    async with AsyncClient(transport=ASGITransport(app=create_app(well)), base_url="http://test") as client:
        assert (await client.get("/readyz")).json()["ready"] is True
