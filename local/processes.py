"""How the embedded stack starts and ends the programs it ships."""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from models.identifiers import Draw

_LISTENED_ON = range(20_000, 32_000)
NOBODY = 65534
CLOCK_TICK = 0.01  # seconds: how finely the kernel tells when a process began


class PartFailedError(Exception):
    """A program of the stack did not start; the sentence is meant for the person at the terminal."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that stays the same one: a pid alone is given out again after its process ended."""

    pid: int
    created_at: float

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def find(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = (
                abs(process.create_time() - self.created_at) < CLOCK_TICK and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return None
        return process if same else None


def free_port() -> int:
    """Below those of outgoing connections: one might have it when a killed stack starts again on its ports."""
    draw = Draw()
    while True:
        port = _LISTENED_ON.start + draw.below(len(_LISTENED_ON))
        if port_is_free(port):
            return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def installed_program(name: str) -> str:
    """The path of a program that came as a wheel, into the environment that runs us."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise PartFailedError(f"'{name}' is not installed: run 'make setup', or install tetsuzuki[local].")
    return str(path)


def ending_with_parent(command: Sequence[str], *, stop_signal: signal.Signals, uid: int | None = None) -> list[str]:
    """The command, made so that Linux stops it when whoever started it is killed; elsewhere unchanged.

    `uid`: whom it runs as, for a program that refuses root. It keeps the right to pass through folders closed to it,
    because a data folder often lies below one.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if uid is not None:
            raise PartFailedError(
                "Postgres does not run as root, and 'setpriv' is missing here: run this as another user."
            )
        return list(command)
    options = [f"--pdeathsig={stop_signal.name.removeprefix('SIG')}"]
    if uid is not None:
        rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        options += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *rights]
    return [setpriv, *options, "--", *command]


class Program(ABC):
    """One program of the stack. It writes its output to `log`; whoever starts it says where."""

    stop_signal = signal.SIGTERM

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return when it answers; PartFailedError when it ended, or takes longer than anyone would wait."""

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """What must be in order before each start."""

    def environment(self) -> dict[str, str]:
        return {}

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: Ctrl-C reaches only the supervisor, who stops the parts in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environment(),
                start_new_session=True,
            )
        return self._process

    def start(self) -> None:
        """Come up, whatever an earlier run left behind, and return when it answers."""
        self.stop()
        self.prepare()
        self.wait_until_ready(self.spawn())

    def stop(self, *, patience: float = 8) -> None:
        if self._process is not None and self._process.poll() is None:
            end(psutil.Process(self._process.pid), stop_signal=self.stop_signal, patience=patience)
            self._process.wait()
        self._process = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def wait_for_port(self, process: subprocess.Popen[bytes], port: int, *, patience: float = 30) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self.fail_if_ended(process)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise PartFailedError(f"{self.log.stem} did not answer within {patience:.0f} s; see {self.log}.")

    def fail_if_ended(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            raise PartFailedError(
                f"{self.log.stem} has ended. Its last words, from {self.log}:\n{last_lines(self.log)}"
            )


def end(process: psutil.Process, *, stop_signal: signal.Signals, patience: float) -> None:
    """Ask it to stop, and kill it when it has not after `patience` seconds."""
    try:
        process.send_signal(stop_signal)
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience)
    except psutil.NoSuchProcess:
        return


def last_lines(log: Path, *, count: int = 8) -> str:
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
