"""How the embedded stack starts and ends the programs it ships."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


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


def start(command: Sequence[str], *, log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: Ctrl-C reaches only us, who stop the parts in order."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}),
            start_new_session=True,
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
