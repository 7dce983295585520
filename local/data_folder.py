"""The folder that one stack lives in: who holds it, which ports and which processes are its own."""

import fcntl
import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from local.processes import PartFailedError, ProcessIdentity, end, free_port, port_is_free

LEFTOVER_PATIENCE = 5.0  # seconds
HOLDER_PATIENCE = 3.0  # seconds: one whose launcher was killed takes a moment to notice and say that it stops
STOPPING_PATIENCE = 15.0  # seconds
STOPPING = "stopping"
LARGEST_LOG = 10 * 1024 * 1024  # bytes


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "logs").mkdir(exist_ok=True)
        except OSError as error:
            raise PartFailedError(f"{path} cannot be the data folder: {error.strerror}. Name another.") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder: a second stack on it is refused. The hold ends with the process, however that ends."""
        with self._lock_file.open("a+") as lock:
            self._take(lock)
            self._say_in_lock(str(os.getpid()))
            yield

    def say_that_it_stops(self) -> None:
        """A stack that wants this folder next waits for us from now on."""
        self._say_in_lock(f"{os.getpid()} {STOPPING}")

    def _take(self, lock: IO[str]) -> None:
        began = time.monotonic()
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder, *state = self._lock_file.read_text().split() or ["unknown"]
                patience = STOPPING_PATIENCE if STOPPING in state else HOLDER_PATIENCE
                if time.monotonic() - began > patience:
                    message = f"Another 'tetsuzuki up' (process {holder}) already runs on {self.path}."
                    raise PartFailedError(message) from None
                time.sleep(0.1)

    def _say_in_lock(self, words: str) -> None:
        # In place: the lock is on this very file, so it is not replaced by another as the rest are.
        self._lock_file.write_text(words)

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    def log(self, name: str) -> Path:
        """A part's log. A large one is set aside, once, under another name."""
        log = self.path / "logs" / f"{name}.log"
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.rename(log.with_suffix(".log.1"))
        return log

    def port(self, name: str, *, first_choice: int | None = None) -> int:
        """The port remembered under this name, so that addresses stay the same; another one where it is taken.

        No two names have the same, although nobody listens on either yet. `first_choice`: what a folder without memory
        tries, and the ports after it; without it, any.
        """
        remembered = self._read("ports")
        port = remembered.get(name)
        others = {other for of, other in remembered.items() if of != name}
        if not isinstance(port, int) or port in others or not port_is_free(port):
            port = next(free for free in _free_ports(first_choice) if free not in others)
            self._write("ports", remembered | {name: port})
        return port

    def remember_process(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        identity = ProcessIdentity.of(pid)
        if identity is not None:
            entry = {"pid": pid, "created_at": identity.created_at, "stop_signal": stop_signal.name}
            self._write("processes", self._read("processes") | {name: entry})

    def end_leftovers(self) -> list[str]:
        """End what a killed stack left running on this folder, and say the names of it."""
        recorded = self._read("processes")
        with ThreadPoolExecutor(max(len(recorded), 1)) as threads:
            ended = threads.map(_end_leftover, recorded.values())
        self._write("processes", {})
        return [name for name, was_running in zip(recorded, ended, strict=True) if was_running]

    def write_private(self, file: Path, content: object) -> None:
        """Whole or not at all, readable by its owner alone."""
        unfinished = file.with_name(f"{file.name}.unfinished")
        unfinished.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        unfinished.write_text(json.dumps(content, indent=2) + "\n")
        unfinished.rename(file)

    def _read(self, name: str) -> dict[str, object]:
        try:
            content = json.loads((self.path / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, name: str, content: dict[str, object]) -> None:
        self.write_private(self.path / f"{name}.json", content)


def _end_leftover(entry: object) -> bool:
    match entry:
        case {"pid": int(pid), "created_at": float(created_at), "stop_signal": str(stop_signal)}:
            process = ProcessIdentity(pid, created_at).find()
        case _:
            return False
    if process is None:
        return False
    end(process, stop_signal=signal.Signals[stop_signal], patience=LEFTOVER_PATIENCE)
    return True


def _free_ports(first_choice: int | None) -> Iterator[int]:
    while first_choice is None:
        yield free_port()
    last = first_choice + 99
    yield from filter(port_is_free, range(first_choice, last + 1))
    raise PartFailedError(f"None of the ports from {first_choice} to {last} is free.")
