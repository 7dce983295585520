"""The engine and its transactions. Each says for whom it runs; row-level security does the rest (GEN-05)."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import cast

import psycopg
from psycopg import sql
from sqlalchemy import ClauseElement, event, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

_OPTIONS = (
    "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
)
_AS = text(
    "SELECT set_config('app.tenant', :tenant, true), set_config('app.person', :person, true),"
    " set_config('app.operator', :operator, true), set_config('app.named', :named, true)"
)

_DIALECT = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own has no types

IDLE_SECONDS = 1.0
"""So long without use, and a connection may have died unnoticed; the engine's own `pool_pre_ping` asks every time."""

SILENT_SECONDS = 3.0
"""So long may such a connection take to answer. One whose other end is gone without a word never would."""

# Nobody asks a listening connection anything, so that only the operating system can notice that its other end is gone.
_WATCHED = {"connect_timeout": "3", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}


class Prepared:
    """A statement as psycopg is handed it: its text, and the values that stand in the statement itself."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self.values: Mapping[str, object] = compiled.params


_PREPARED_AS = Prepared(_AS)


class Database:
    """Connects at the first transaction, so that a process starts without its database."""

    def __init__(self, url: str, *, pool_size: int = 10, patience: float | None = None) -> None:
        """`patience`: seconds after which a transaction is given up, for callers that nobody else gives up."""
        self._listening = make_url(url).set(drivername="postgresql").update_query_dict(_WATCHED)
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            hide_parameters=True,  # they would carry people's data into logs
            connect_args={"options": _OPTIONS, "connect_timeout": 3},
        )
        self._patience = patience
        _replace_dead_connections(self._engine)

    @asynccontextmanager
    async def transaction(
        self, tenant_id: str = "", *, person_id: str = "", operator: bool = False, named: str = ""
    ) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block, rolled back when it raises.

        `tenant_id`: sees and writes that tenant's rows. `person_id`, instead: sees the person's own memberships,
        tenants and companies. `operator`: also sees every tenant and every procedure, without writing. `named`,
        instead: sees the one company, or the one request for viewer access, of that id, of whatever tenant. With none
        of them only the tables that belong to no tenant are there.
        """
        if tenant_id and (person_id or named):
            message = "a transaction of one tenant must not see another tenant's rows"
            raise ValueError(message)
        names = {"tenant": tenant_id, "person": person_id, "operator": "yes" if operator else "", "named": named}
        async with self._engine.connect() as connection:
            with _hung_up_after(self._patience, (await connection.get_raw_connection()).driver_connection):
                async with connection.begin():
                    await connection.execute(_AS, names)
                    yield connection

    async def at_once(self, tenant_id: str, statement: Prepared, values: Mapping[str, object]) -> None:
        """A tenant's transaction of one statement, in one round trip instead of four (decision 31).

        `values` go to the database as psycopg sends them.

        Raises:
            OperationalError: the database is out of reach, or went away meanwhile: it may have been done.
        """
        names = {"tenant": tenant_id, "person": "", "operator": "", "named": ""}
        async with self._engine.connect() as connection:
            driver = cast("psycopg.AsyncConnection", (await connection.get_raw_connection()).driver_connection)
            with _hung_up_after(self._patience, driver):
                try:
                    async with driver.pipeline(), driver.transaction():
                        await driver.execute(_PREPARED_AS.text, names)
                        await driver.execute(statement.text, {**statement.values, **values})
                except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                    raise OperationalError(None, None, error) from error

    @staticmethod
    async def go_on_as(connection: AsyncConnection, tenant_id: str = "", *, person_id: str = "") -> None:
        """From here on the transaction is the tenant's, and no longer a person's, or the other way round.

        For the audit rows of what a person did, and for what has to be known of a person in a tenant's step.
        """
        await connection.execute(_AS, {"tenant": tenant_id, "person": person_id, "operator": "", "named": ""})

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[AsyncIterator[str]]:
        """What is told on the channel (NOTIFY) from the beginning of the block on, by a connection of its own.

        Raises:
            psycopg.Error: the database is out of reach, or went away meanwhile.
        """
        url = self._listening.render_as_string(hide_password=False)
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            yield (told.payload async for told in connection.notifies())

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections the process has open, and how many of them are in use now."""
        pool = self._engine.pool
        if not isinstance(pool, AsyncAdaptedQueuePool):
            return 0, 0
        return pool.checkedin() + pool.checkedout(), pool.checkedout()

    async def close(self) -> None:
        await self._engine.dispose()


def _replace_dead_connections(engine: AsyncEngine) -> None:
    """Connections that died with a restarted Postgres are replaced, not handed out."""
    pool, dialect = engine.sync_engine.pool, engine.sync_engine.dialect

    @event.listens_for(pool, "checkin")
    def _note_use(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info["idle_since"] = time.monotonic()

    @event.listens_for(pool, "checkout")
    def _ask_whether_it_lives(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - entry.info.get("idle_since", time.monotonic()) < IDLE_SECONDS:
            return
        try:
            with _hung_up_after(SILENT_SECONDS, entry.driver_connection):
                dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


@contextmanager
def _hung_up_after(seconds: float | None, connection: object) -> Iterator[None]:
    """Whoever waits for an answer on the connection is told after so long that the other end has closed it.

    To cancel the waiting instead would have the database asked to cancel the query, and that waits as well.
    """
    if seconds is None or not isinstance(connection, psycopg.AsyncConnection):
        yield
        return
    timer = asyncio.get_running_loop().call_later(seconds, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: psycopg.AsyncConnection[object]) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)
