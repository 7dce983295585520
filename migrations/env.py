"""Runs migrations as the database's owner, patient with neither locks nor long statements.

The connection is given by `cli migrate`, by tests, or in `TETSUZUKI_OWNER_DATABASE_URL`.
"""

import os

from alembic import context
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from models.tables.registry import metadata


def _url() -> URL:
    given = context.config.attributes.get("owner_database_url") or os.environ.get("TETSUZUKI_OWNER_DATABASE_URL")
    if not given:
        message = "set TETSUZUKI_OWNER_DATABASE_URL to the owner's connection"
        raise SystemExit(message)
    try:
        return make_url(str(given)).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):  # the latter: its port is no number
        message = "TETSUZUKI_OWNER_DATABASE_URL is no connection: postgresql://owner:password@host:port/database"
        raise SystemExit(message) from None  # neither it nor its password shall be in a log


def _run() -> None:
    engine = create_engine(
        _url(),
        # A migration that cannot have its lock gives way to the running product and is tried again.
        connect_args={"options": "-c lock_timeout=5000 -c statement_timeout=60000"},
    )
    try:
        connected = engine.connect()
    except OperationalError as error:
        message = f"the database of TETSUZUKI_OWNER_DATABASE_URL does not answer: {error.orig}"
        raise SystemExit(message) from None
    with connected as connection:
        context.configure(
            connection=connection, target_metadata=metadata, compare_server_default=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


_run()
