"""`tetsuzuki up` as whoever starts it sees it: real processes, real signals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from local.product_command import CLI

STARTS_WITHIN = 60  # seconds; on a quiet machine it is three
STOPS_WITHIN = 10


class Product:
    """One `tetsuzuki up`, on a folder that may have had others before."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.data_dir = folder / "data"
        self.ready_file = folder / "ready.json"
        self.launcher: list[str] = []
        self._output = folder / "output.txt"
        self._options = options
        self.environment = os.environ | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        return self._output.read_text()

    def begin(self, *, output: int | None = None) -> None:
        command = [*self.launcher, sys.executable, str(CLI), "up", "--data-dir", str(self.data_dir), *self._options]
        command += ["--ready-file", str(self.ready_file)]
        with self._output.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - the test's own words
                command,
                stdout=file if output is None else output,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )

    def start(self) -> dict[str, Any]:
        self.ready_file.unlink(missing_ok=True)
        self.begin()
        return self.wait_for_ready_file()

    def wait_for_ready_file(self) -> dict[str, Any]:
        deadline = time.monotonic() + STARTS_WITHIN
        while not self.ready_file.exists():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        ready: dict[str, Any] = json.loads(self.ready_file.read_text())
        return ready

    def stop(self) -> int:
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPS_WITHIN)

    def pids(self) -> dict[str, int]:
        """By the part's name."""
        [record] = self.data_dir.rglob("processes.json")
        return {name: entry["pid"] for name, entry in json.loads(record.read_text()).items()}

    def kill_all(self) -> None:
        """`kill -9` of the supervisor and every part of it."""
        for pid in (self.process.pid, *self.pids().values()):
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def running(self) -> list[psutil.Process]:
        """Whatever still works for this folder: its parts, and Postgres's own processes."""
        everyone = psutil.process_iter(["cmdline", "environ", "cwd"])
        return [process for process in everyone if str(self.data_dir) in str(process.info)]
