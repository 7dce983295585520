"""What becomes of database connections that Postgres has ended meanwhile, or that nobody answers on any more."""

import asyncio
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from sqlalchemy import Text, bindparam, func, make_url, select, text
from sqlalchemy.exc import OperationalError

from activities.outages import is_outage
from local.processes import free_port
from models import database as databases
from models.database import Database, Prepared
from tests.conftest import Postgres
from tests.faults.tcp_proxy import TcpProxy

SOON = 20  # seconds: the patience below is a part of one

Proxied = tuple[Database, TcpProxy]


@pytest.mark.parametrize("idle", [True, False])
async def test_a_connection_that_died_while_idle_is_replaced_and_a_busy_one_costs_one_failure_at_most(
    database: Database, postgres: Postgres, database_name: str, monkeypatch: pytest.MonkeyPatch, *, idle: bool
) -> None:
    """Only one that was in use a moment ago is handed out unasked; then every connection of the pool is new."""
    monkeypatch.setattr(databases, "IDLE_SECONDS", 0.0 if idle else 60.0)
    before = [await backend(database)]
    with psycopg.connect(postgres.url("postgres", database_name), autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s)", before)
    if not idle:
        with pytest.raises(OperationalError):
            await backend(database)
    assert await backend(database) not in before


@pytest.mark.requirement("GEN-02")
async def test_what_was_to_be_done_at_once_on_a_dead_connection_has_met_an_outage(
    database: Database, postgres: Postgres, database_name: str
) -> None:
    """One that is waited out, as every other; the next one is done on a new connection."""
    asked = Prepared(select(func.set_config("app.asked", bindparam("asked", type_=Text), True)))  # noqa: FBT003 - SQL's
    before = [await backend(database)]
    with psycopg.connect(postgres.url("postgres", database_name), autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s)", before)
    with pytest.raises(OperationalError) as outage:
        await database.at_once("T8000000", asked, {"asked": "1"})
    assert is_outage(outage.value)
    await database.at_once("T8000000", asked, {"asked": "2"})
    assert await backend(database) not in before


async def backend(database: Database, *, meanwhile: Callable[[], None] = lambda: None) -> int:
    async with database.transaction() as connection:
        meanwhile()
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


@pytest.fixture
async def proxied(
    postgres: Postgres, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Proxied]]:
    """A database behind a network that can fall silent. Its idle connections are asked before they are handed out."""
    monkeypatch.setattr(databases, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(databases, "SILENT_SECONDS", 0.2)
    proxy = TcpProxy(free_port(), postgres.port)
    await proxy.listen()
    url = make_url(postgres.url("app", database_name)).set(port=proxy.port).render_as_string(hide_password=False)
    made = list[Database]()

    def make(**options: float) -> Proxied:
        made.append(Database(url, pool_size=1, **options))
        return made[-1], proxy

    yield make
    proxy.refuse()
    await asyncio.gather(*(database.close() for database in made))


@pytest.mark.requirement("GEN-02")
async def test_an_idle_connection_whose_other_end_is_gone_without_a_word_is_replaced(
    proxied: Callable[..., Proxied],
) -> None:
    """As a firewall leaves it that has forgotten the connection: nobody says no, and nobody answers."""
    database, proxy = proxied()
    before = await backend(database)
    proxy.half_open()
    async with asyncio.timeout(SOON):
        assert await backend(database) != before


@pytest.mark.requirement("GEN-02")
async def test_whoever_has_patience_for_so_long_is_told_that_the_database_is_out_of_reach(
    proxied: Callable[..., Proxied],
) -> None:
    """The network falls silent in the middle of a transaction; the next one, after it, is well."""
    database, proxy = proxied(patience=0.5)
    async with asyncio.timeout(SOON):
        with pytest.raises(OperationalError):
            await backend(database, meanwhile=proxy.blackhole)
        await proxy.lift()
        await backend(database)
