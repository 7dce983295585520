"""An outage of the database that lasts for one step only, so that a test can see what else happens meanwhile."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.records import Answered, Records
from models.audit import Fact
from tests.world import World, eventually

PAUSE = timedelta(hours=6)
"""So long a pause is a timer, which takes world time, and the procedure takes commands meanwhile."""


class Outage:
    def __init__(self) -> None:
        self._what: str | None = None
        self._pause = PAUSE
        self._tries = 0

    @contextmanager
    def of(self, what: str, pause: timedelta = PAUSE) -> Iterator[None]:
        """Until the end of the block each try of that step fails, and the next one is to come after the pause."""
        self._what, self._pause, self._tries = what, pause, 0
        yield
        self._what = None

    async def strikes(self) -> None:
        """Wait until the step has been tried."""
        await eventually(lambda: self._tries > 0)

    def meet(self, fact: Fact) -> None:
        if fact.what != self._what:
            return
        self._tries += 1
        away = OperationalError("SELECT 1", {}, OSError("server closed the connection unexpectedly"))
        raise ApplicationError(
            str(away), next_retry_delay=self._pause, category=ApplicationErrorCategory.BENIGN
        ) from away


async def is_over(world: World) -> None:
    """The next try comes."""
    await world.advance(hours=7)


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    outage, once = Outage(), Records.once

    async def meets_it(
        self: Records, fact: Fact, answered: type[Answered], work: Callable[[AsyncConnection], Awaitable[Answered]]
    ) -> BaseModel:
        outage.meet(fact)
        return await once(self, fact, answered, work)

    monkeypatch.setattr(Records, "once", meets_it)
    return outage
