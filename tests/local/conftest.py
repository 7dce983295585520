from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.postgres import QUICK_AND_FORGETFUL, PostgresPasswords, PostgresServer
from local.processes import free_port


def _postgres_in(folder: Path) -> PostgresServer:
    passwords = PostgresPasswords(superuser="superuser-pw", owner="owner-pw", app="app-pw")
    return PostgresServer(folder / "postgres", port=free_port(), passwords=passwords, tuning=QUICK_AND_FORGETFUL)


@pytest.fixture(scope="session")
def new_postgres() -> Callable[[Path], PostgresServer]:
    """Makes a server, not yet started, in a folder."""
    return _postgres_in


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = _postgres_in(tmp_path_factory.mktemp("cluster"))
    server.start()
    yield server
    server.stop()
