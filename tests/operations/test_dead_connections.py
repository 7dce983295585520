"""What becomes of database connections that Postgres has ended meanwhile."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import database as databases
from models.database import Database
from tests.conftest import Postgres


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


async def backend(database: Database) -> int:
    async with database.transaction() as connection:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())
