import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local import data_folder
from local.data_folder import HOLDER_PATIENCE, DataFolder
from local.processes import PartFailedError, free_port


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def test_a_second_stack_on_the_folder_is_refused(folder: DataFolder) -> None:
    """The sentence names the process that holds it; when that one lets go, the folder is free."""
    with folder.held(), pytest.raises(PartFailedError, match=rf"process {os.getpid()}\) already runs"), folder.held():
        pass
    with folder.held():
        pass


def test_a_stack_that_is_stopping_is_waited_for(folder: DataFolder) -> None:
    """A restart need not know how long the stop takes."""
    holding = (
        "import sys, pathlib, local.data_folder as f; d = f.DataFolder(pathlib.Path(sys.argv[1]))\n"
        "with d.held(): d.say_that_it_stops(); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holding, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: S603 - above
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        letting_go = threading.Timer(HOLDER_PATIENCE + 0.5, holder.communicate)
        letting_go.start()
        with folder.held():
            assert holder.wait(5) == 0
        letting_go.join()


def test_ports_stay_the_same_between_runs(folder: DataFolder) -> None:
    """Links and bookmarks of yesterday work today."""
    ports = {name: folder.port(name) for name in ("postgres", "inbox")}
    assert ports == {name: DataFolder(folder.path).port(name) for name in ports}
    assert len(set(ports.values())) == 2


def test_no_two_parts_are_given_the_same_port(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens yet while they are given out: chance draws one twice in every two hundredth stack."""
    drawn = iter((21_001, 21_001, 21_001, 21_002))
    monkeypatch.setattr(data_folder, "free_port", drawn.__next__)
    assert [folder.port(name) for name in ("postgres", "inbox")] == [21_001, 21_002]
    assert folder.port("api", first_choice=21_001) > 21_002


def test_two_parts_that_remember_the_same_port_are_parted(folder: DataFolder) -> None:
    """As a folder from before it was looked at; nobody has started since."""
    port = folder.port("postgres")
    (folder.path / "ports.json").write_text(json.dumps({"postgres": port, "inbox": port}))
    assert folder.port("inbox") != port
    assert folder.port("postgres") == port


def test_a_taken_port_is_replaced(folder: DataFolder) -> None:
    """Another program on the remembered port does not keep the stack from starting."""
    remembered = folder.port("api")
    with socket.create_server(("127.0.0.1", remembered)):
        other = folder.port("api")
    assert other != remembered
    assert folder.port("api") == other


def test_no_outgoing_connection_is_given_a_port_of_ours() -> None:
    """One would have it when a killed stack starts again on its ports."""
    first_of_theirs = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < free_port() < first_of_theirs for _ in range(20))


def test_the_first_choice_gives_way_to_the_next_free_port(folder: DataFolder) -> None:
    """8080 is taken on many machines."""
    first = free_port()
    with socket.create_server(("127.0.0.1", first)):
        assert folder.port("api", first_choice=first) > first


def test_what_a_killed_stack_left_running_is_ended(folder: DataFolder) -> None:
    """By the signal that it stops on, and its name is told."""
    left = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder.remember_process("API", left.pid, signal.SIGTERM)
    assert DataFolder(folder.path).end_leftovers() == ["API"]
    left.communicate()
    assert DataFolder(folder.path).end_leftovers() == []


def test_a_program_that_was_given_the_same_pid_is_left_alone(folder: DataFolder) -> None:
    """A pid alone does not tell whose process it is."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        folder.remember_process("API", stranger.pid, signal.SIGTERM)
        record = folder.path / "processes.json"
        entries = json.loads(record.read_text())
        entries["API"]["created_at"] -= 3600
        record.write_text(json.dumps(entries))
        assert folder.end_leftovers() == []
        assert stranger.poll() is None


def test_a_large_log_is_set_aside(folder: DataFolder) -> None:
    """Logs do not grow for ever."""
    log = folder.log("api")
    with log.open("wb") as output:
        output.truncate(11 * 1024 * 1024)
    assert not folder.log("api").exists()
    assert log.with_suffix(".log.1").exists()
