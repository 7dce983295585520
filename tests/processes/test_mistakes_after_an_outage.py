"""A step's mistake is judged by its own tries: those that an outage used up are no sign that nothing mends it."""

import asyncio
from typing import Any

import psycopg
import pytest
from httpx2 import AsyncClient
from sqlalchemy.exc import OperationalError
from temporalio.service import RPCError, RPCStatusCode

from activities.outages import is_outage
from activities.records import Records
from models.audit import Fact
from tests.processes.test_mail_delivery import waiting
from tests.processes.test_service_application import confirm, submit
from tests.world import World

pytestmark = pytest.mark.requirement("GEN-02", "GEN-08")
AWAY = OperationalError("SELECT", {}, psycopg.OperationalError("gone"))
HICCUP = RuntimeError("two at once")


@pytest.fixture
def in_the_way(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What the next tries of recording a confirmation fail with, one after the other."""
    errors = list[Exception]()
    once = Records.once

    async def failing(self: Records, fact: Fact, *given: Any) -> Any:
        if fact.what == "application_confirmed" and errors:
            raise errors.pop(0)
        return await once(self, fact, *given)

    monkeypatch.setattr(Records, "once", failing)
    return errors


async def test_the_first_mistake_after_an_outage_needs_no_operator(
    world: World, api: AsyncClient, operator: dict[str, str], in_the_way: list[Exception]
) -> None:
    """The step is tried again, and done."""
    handle, _ = await submit(world)
    in_the_way += [AWAY] * 4 + [HICCUP]
    async with asyncio.timeout(20):
        await confirm(handle)
    assert await waiting(api, operator) == []
    assert await world.timeline(handle.id) == ["application_submitted", "application_confirmed"]


@pytest.mark.parametrize(
    "status",
    [RPCStatusCode.ABORTED, RPCStatusCode.INTERNAL, RPCStatusCode.UNKNOWN, RPCStatusCode.FAILED_PRECONDITION],
)
def test_what_an_engine_says_that_is_just_starting_is_an_outage(status: RPCStatusCode) -> None:
    """For a step as for a request, which is answered 503."""
    assert is_outage(RPCError("starting", status, b""))
