"""What the command line says to wrong input: a sentence that names it, and never a traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import free_port
from local.product_command import CLI


def said(*arguments: str, **settings: str) -> tuple[int, str]:
    """Its exit code, and its words on one line, as no terminal's width matters. `settings`: of its environment."""
    bare = settings | {name: value for name, value in os.environ.items() if not name.startswith("TETSUZUKI_")}
    command = [sys.executable, str(CLI), *arguments]
    done = subprocess.run(  # noqa: S603 - the test's own words
        command, capture_output=True, text=True, check=False, timeout=60, env=bare | {"COLUMNS": "1000"}
    )
    words = f"{done.stdout} {done.stderr}"
    assert "Traceback" not in words
    return done.returncode, " ".join(words.split())


@pytest.mark.parametrize("port", ["0", "-5", "99999"])
def test_a_port_that_is_none_is_refused_at_once(tmp_path: Path, port: str) -> None:
    """Zero too: the addresses in mails need a port that is known before the API listens."""
    code, words = said("up", "--data-dir", str(tmp_path / "data"), "--api-port", port)
    assert (code, "--api-port" in words) == (2, True)
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    """A file is in its place, or above it."""
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        code, words = said("up", "--data-dir", str(folder))
        assert (code, f"{folder} cannot be the data folder" in words) == (1, True)


def test_a_ready_file_that_cannot_be_written_stops_before_anything_starts(tmp_path: Path) -> None:
    """Not after everything has come up."""
    code, words = said("up", "--data-dir", str(tmp_path / "data"), "--ready-file", str(tmp_path / "no" / "ready.json"))
    assert (code, f"There is no folder {tmp_path / 'no'} for the ready file." in words) == (1, True)
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(("command", "expected"), [("api", 1), ("worker", 1), ("replay", 2)])
def test_settings_that_are_missing_are_named(command: str, expected: int) -> None:
    """As the environment calls them. A replay's 1 would say that procedures stand still."""
    code, words = said(command)
    assert (code, "TETSUZUKI_LINK_KEY: Field required" in words) == (expected, True)


def test_a_replay_of_a_folder_without_a_stack_says_so(tmp_path: Path) -> None:
    code, words = said("replay", "--data-dir", str(tmp_path))
    assert (code, f"nothing has run on {tmp_path}" in words) == (2, True)


def test_a_simulated_device_knows_its_failures_and_finds_its_tokens(tmp_path: Path) -> None:
    assert said("utm", "--token", "x", "--failure", "nonsense")[0] == 2
    code, words = said("utm", "--tokens", str(tmp_path / "none"))
    assert (code, "does not exist" in words) == (2, True)


@pytest.mark.parametrize("address", ["nonsense", "http://", "http://[", "ftp://there", "http://127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    """Rather than asked for two minutes, as one is that does not answer yet."""
    code, words = said("fleet", "status", "any", "--tenant", "any", "--token", "x", "--api-url", address)
    assert (code, "--api-url" in words, f"{address} is no HTTP address" in words) == (2, True, True)


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("nonsense", "is no connection"),
        ("postgresql://owner:hidden@127.0.0.1:port/x", "is no connection"),
        ("postgresql://owner:hidden@127.0.0.1:1/x", "does not answer"),
    ],
)
def test_migrations_say_which_database_they_cannot_have(connection: str, expected: str) -> None:
    code, words = said("migrate", TETSUZUKI_OWNER_DATABASE_URL=connection)
    assert (code, expected in words, "hidden" in words) == (1, True, False)


def test_an_inbox_says_which_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        code, words = said("inbox", str(tmp_path), "--smtp-port", str(taken), "--web-port", str(free_port()))
    assert (code, f"Port {taken} of 127.0.0.1 is taken." in words) == (1, True)
