"""Runs migrations as the database's owner, patient with neither locks nor long statements.

The connection is given by `cli migrate`, by tests, or in `TETSUZUKI_OWNER_DATABASE_URL`.
"""

import os

from alembic import context
from sqlalchemy import create_engine, make_url

from models.tables.registry import metadata


def _url() -> str:
    given = context.config.attributes.get("owner_database_url") or os.environ.get("TETSUZUKI_OWNER_DATABASE_URL")
    if not given:
        message = "set TETSUZUKI_OWNER_DATABASE_URL to the owner's connection"
        raise SystemExit(message)
    return str(given)


def _run() -> None:
    engine = create_engine(
        make_url(_url()).set(drivername="postgresql+psycopg"),
        # A migration that cannot have its lock gives way to the running product and is tried again.
        connect_args={"options": "-c lock_timeout=5000 -c statement_timeout=60000"},
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=metadata, compare_server_default=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


_run()
