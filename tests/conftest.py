"""The real servers that tests stand on, started once for all of pytest's processes.

A test gets a database of its own (a copy of the migrated one) and, for procedures, a world clock of its own.
"""

import asyncio
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

from api.procedure_wording import has_sentence
from local.postgres import QUICK_AND_FORGETFUL, PostgresPasswords, PostgresServer
from local.processes import free_port
from models.database import Database
from models.identifiers import Draw

# The last ones are a fault run's, which has the same tests pass on parts that fail.
pytest_plugins = [
    "tests.world",
    "tests.outages",
    "tests.support_desk",
    "tests.viewer_pc",
    *os.environ.get("TETSUZUKI_FAULTS", "").split(),
]

ROOT = Path(__file__).parent.parent
TEMPLATE = "tetsuzuki"
_PASSWORDS = PostgresPasswords("postgres-password", "owner-password", "app-password")
_KEY = pytest.StashKey[PostgresServer]()
_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
_PORT = pytest.StashKey[int]()

# Examples get no time limit of their own: the machine may be busy with the other tests.
hypothesis.settings.register_profile("busy_machine", deadline=None)
hypothesis.settings.load_profile("busy_machine")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        folder = tempfile.TemporaryDirectory(prefix="tetsuzuki-tests-")
        config.stash[_FOLDER] = folder
        server = PostgresServer(
            Path(folder.name) / "postgres", port=free_port(), passwords=_PASSWORDS, tuning=QUICK_AND_FORGETFUL
        )
        server.start()
        config.stash[_KEY] = server
        config.stash[_PORT] = server.port
        migrate(server.url("owner"))


def pytest_collection_finish() -> None:
    """Modules and tests stay: the garbage collector need not look through them again and again."""
    gc.collect()
    gc.freeze()


def pytest_configure_node(node: Any) -> None:
    """Tell pytest-xdist's workers where the servers are."""
    node.workerinput["postgres_port"] = node.config.stash[_PORT]


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_KEY, None)
    if server is not None:
        server.stop()
    if _FOLDER in config.stash:
        config.stash[_FOLDER].cleanup()


def migrate(owner_url: str) -> None:
    command.upgrade(alembic_config(owner_url), "head")


def alembic_config(owner_url: str) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["owner_database_url"] = owner_url
    return config


@dataclass(frozen=True)
class Postgres:
    port: int

    def url(self, role: str, database: str) -> str:
        passwords = {"postgres": _PASSWORDS.superuser, "owner": _PASSWORDS.owner, "app": _PASSWORDS.app}
        return f"postgresql://{role}:{passwords[role]}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Postgres:
    worker = getattr(request.config, "workerinput", None)
    return Postgres(worker["postgres_port"] if worker else request.config.stash[_PORT])


@pytest.fixture
def database_name(postgres: Postgres) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = f"test_{Draw().opaque_id()}"
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER owner").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
        )
        yield name
        untold = codes_without_words(postgres.url("owner", name))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert not untold, f"api/procedure_wording.py has no sentence for {untold}"


def codes_without_words(database: str) -> set[str]:
    """What procedures have written into their timelines, and could only be shown as it is (GEN-04)."""
    with psycopg.connect(database) as connection:
        happened = connection.execute("SELECT DISTINCT what FROM audit_entries WHERE procedure_id IS NOT NULL")
        comes = connection.execute("SELECT DISTINCT jsonb_array_elements(next) ->> 'what' FROM procedures")
        return {code for (code,) in [*happened, *comes] if not has_sentence(code)}


@pytest.fixture
def database_url(postgres: Postgres, database_name: str) -> str:
    """As the role that the product runs as."""
    return postgres.url("app", database_name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=5)
    yield database
    await database.close()
    await asyncio.sleep(0)


@pytest.fixture
def owner(postgres: Postgres, database_name: str) -> Iterator[psycopg.Connection[Any]]:
    """The owner of the test's database: for breaking what the product itself may not touch."""
    with psycopg.connect(postgres.url("owner", database_name), autocommit=True) as connection:
        yield connection
