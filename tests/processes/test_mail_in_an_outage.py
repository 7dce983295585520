"""A mail that the mail server has taken is not sent again because the database was away just then."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.tables.procedures import Mail
from tests.processes.test_service_application import APPLICANT, submit
from tests.world import TENANT, World, eventually

AWAY_FOR = 5  # transactions


@pytest.fixture
def database_goes_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and the next transactions fail as they do while Postgres is being started again."""
    transaction = Database.transaction
    left = count()

    @asynccontextmanager
    async def broken(self: Database, tenant_id: str = "") -> AsyncIterator[AsyncConnection]:
        if next(left) < AWAY_FOR:
            raise OperationalError("SELECT 1", {}, OSError("server closed the connection unexpectedly"))
        async with transaction(self, tenant_id) as connection:
            yield connection

    return lambda: monkeypatch.setattr(Database, "transaction", broken)


@pytest.mark.requirement("GEN-03")
async def test_what_the_mail_server_has_taken_reaches_the_ledger_once_the_database_is_back(
    world: World, database_goes_away: Callable[[], None]
) -> None:
    """The sender remembers the answer for as long as it takes; the mail arrives once."""

    def taken(_recipient: str) -> str | None:
        database_goes_away()
        return None

    world.mails.answer = taken
    await submit(world)
    await eventually(lambda: is_sent(world))
    assert [mail.recipient for mail in world.mails.mails] == [APPLICANT]


async def is_sent(world: World) -> bool:
    try:
        async with world.database.transaction(TENANT) as connection:
            return (await connection.execute(select(Mail.state))).scalar_one() == "sent"
    except OperationalError:
        return False
