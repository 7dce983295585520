"""A peer's worker: a process, with those it starts, that is begun, killed, begun again and measured."""

import os
import signal
import subprocess

import psutil

from bench.peers.peer import Peer
from bench.product import ROOT

_GRACE = 10  # seconds


class WorkerProcess:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._log = peer.site.logs / f"{peer.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def resident(self) -> float:
        return resident(self._process.pid) if self._process is not None else 0.0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._peer.worker_command,
                cwd=ROOT,
                env=os.environ | self._peer.worker_environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9` of all its processes at once, as a machine or a container dies."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()


def resident(pid: int) -> float:
    """Megabytes of a process and its children; what processes share is counted once, each having its part of it."""
    process = psutil.Process(pid)
    return sum(float(one.memory_full_info().pss) for one in [process, *process.children(recursive=True)]) / 1e6
