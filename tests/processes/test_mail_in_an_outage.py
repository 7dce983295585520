"""A mail that the mail server has taken is not sent again because the database was away just then."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from models.tables.procedures import AuditEntry, Mail
from tests.conftest import Postgres
from tests.processes.test_service_application import APPLICANT, submit
from tests.world import TENANT, World, eventually

_HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = 'app'"
_HANG_UP_ON_THE_NOTE = f"{_HANG_UP} AND wait_event_type = 'Lock' AND query LIKE 'WITH sent AS%%'"


@pytest.fixture
def superuser(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """Of the server; from another database, for none can be closed from within."""
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        yield connection


@pytest.mark.requirement("GEN-03")
async def test_what_the_mail_server_has_taken_reaches_the_ledger_once_the_database_is_back(
    world: World, superuser: psycopg.Connection, database_name: str
) -> None:
    """The sender remembers the answer for as long as it takes; the mail arrives once."""

    def admit(*, anybody: bool) -> None:
        admission = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        superuser.execute(admission.format(sql.Identifier(database_name), sql.Literal(anybody)))

    def go_away() -> None:
        admit(anybody=False)
        superuser.execute(_HANG_UP, [database_name])

    once_taken(world, go_away)
    await submit(world)
    await eventually(lambda: len(world.mails.mails) > 0)
    assert not await is_sent(world)
    admit(anybody=True)
    await eventually(lambda: is_sent(world))
    assert [mail.recipient for mail in world.mails.mails] == [APPLICANT]


@pytest.mark.requirement("GEN-03", "GEN-04")
async def test_a_note_that_the_database_broke_off_is_written_again(
    world: World, superuser: psycopg.Connection, postgres: Postgres, database_name: str
) -> None:
    with psycopg.connect(postgres.url("postgres", database_name)) as holding:
        once_taken(world, lambda: holding.execute("SELECT FROM mails FOR UPDATE"))
        await submit(world)
        await eventually(lambda: superuser.execute(_HANG_UP_ON_THE_NOTE, [database_name]).rowcount > 0)
    await eventually(lambda: is_sent(world))
    assert [mail.recipient for mail in world.mails.mails] == [APPLICANT]
    async with world.database.transaction(TENANT) as connection:
        noted = select(func.count()).where(AuditEntry.what == "mail_sent")
        assert (await connection.execute(noted)).scalar_one() == 1


def once_taken(world: World, happens: Callable[[], object]) -> None:
    """Between the final dot of the first mail and the mail server's answer."""

    def told(_recipient: str) -> bool:
        if len(world.mails.mails) == 1:
            happens()
        return False

    world.mails.drops = told


async def is_sent(world: World) -> bool:
    try:
        async with world.database.transaction(TENANT) as connection:
            return (await connection.execute(select(Mail.state))).scalar_one() == "sent"
    except OperationalError:
        return False
