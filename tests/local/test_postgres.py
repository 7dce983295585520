import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local.postgres import PostgresPasswords, PostgresServer
from local.processes import PartFailedError

NewPostgres = Callable[[Path], PostgresServer]


@pytest.fixture
def own_postgres(tmp_path: Path, new_postgres: NewPostgres) -> Iterator[PostgresServer]:
    """A server that a test may kill, below a folder that only its owner may enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = new_postgres(closed)
    server.start()
    yield server
    server.stop()


def remember(server: PostgresServer, note: str) -> None:
    with psycopg.connect(server.url("owner")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (note text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [note])


def remembered(server: PostgresServer) -> list[str]:
    with psycopg.connect(server.url("owner")) as connection:
        return [str(row[0]) for row in connection.execute("SELECT note FROM notes")]


def kill(server: PostgresServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


def test_the_application_role_has_no_way_around_row_level_security(postgres: PostgresServer) -> None:
    """`app` signs in, but is neither superuser nor owner, bypasses nothing and creates nothing."""
    with psycopg.connect(postgres.url("app")) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit, pg_get_userbyid(datdba)"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
        assert row == (False, False, False, False, True, "owner")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")


def test_the_owner_migrates_but_is_no_superuser(postgres: PostgresServer) -> None:
    """`owner` may create tables in the database it owns and still obeys forced row-level security."""
    with psycopg.connect(postgres.url("owner")) as connection:
        connection.execute("CREATE TABLE owners_own (id int)")
        row = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'owner'").fetchone()
        assert row == (False,)
        connection.rollback()


def test_a_wrong_password_is_refused(postgres: PostgresServer) -> None:
    """The server asks every role for its password, on loopback too."""
    wrong = postgres.url("postgres", "postgres").replace("superuser-pw", "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_text_is_utf_8_and_sorts_alike_on_every_machine(postgres: PostgresServer) -> None:
    """The database does not take its encoding or order from the machine it runs on."""
    with psycopg.connect(postgres.url()) as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
    assert row == ("UTF8", "b", "C.UTF-8")


def test_it_goes_on_after_being_killed(own_postgres: PostgresServer) -> None:
    """A killed server comes up again on the same folder with what was committed."""
    remember(own_postgres, "before")
    kill(own_postgres)
    own_postgres.start()
    remember(own_postgres, "after")
    assert remembered(own_postgres) == ["before", "after"]


def test_it_takes_over_from_a_server_that_outlived_its_supervisor(
    own_postgres: PostgresServer, new_postgres: NewPostgres
) -> None:
    """A server left running on the folder is stopped in good order, and the new one serves what it had."""
    remember(own_postgres, "orphan")
    orphan = own_postgres.pid
    successor = new_postgres(own_postgres.data_dir.parent)
    successor.start()
    try:
        assert remembered(successor) == ["orphan"]
        assert orphan is not None
        assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
    finally:
        successor.stop()


def test_a_pid_file_that_names_another_program_does_not_block_the_start(own_postgres: PostgresServer) -> None:
    """After a kill the recorded pid may belong to any program by now; that one is left alone."""
    kill(own_postgres)
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        pid_file = own_postgres.data_dir / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        own_postgres.start()
        assert bystander.poll() is None
    finally:
        bystander.communicate()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path, new_postgres: NewPostgres) -> None:
    """A first start that was killed while making the cluster does not spoil the next one."""
    server = new_postgres(tmp_path)
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "rubbish").touch()
    server.start()
    server.stop()
    assert not (tmp_path / "postgres.unfinished").exists()


def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, new_postgres: NewPostgres, postgres: PostgresServer
) -> None:
    """A taken port is told in the server's own last words."""
    server = new_postgres(tmp_path)
    server.port = postgres.port
    with pytest.raises(PartFailedError, match="Address already in use"):
        server.start()


def test_a_server_that_takes_no_connection_when_it_is_ready_has_failed_to_start(own_postgres: PostgresServer) -> None:
    """So that its supervisor tries again, and goes on."""
    own_postgres.stop()
    passwords = PostgresPasswords(superuser="another", owner="owner-pw", app="app-pw")
    again = PostgresServer(own_postgres.data_dir, port=own_postgres.port, passwords=passwords)
    with pytest.raises(PartFailedError, match="takes no connections"):
        again.start()
    again.stop()


def test_the_log_quotes_no_row(postgres: PostgresServer) -> None:
    """Which row it was that an insert collided with is for the caller to know, not for the log."""
    with psycopg.connect(postgres.url("owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES (%s)", ["kanaria"])
        with pytest.raises(psycopg.errors.UniqueViolation, match="kanaria"):
            connection.execute("INSERT INTO people VALUES (%s)", ["kanaria"])
    written = postgres.log.read_text()
    assert "people_pkey" in written
    assert "kanaria" not in written
