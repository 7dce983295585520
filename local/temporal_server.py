"""An embedded Temporal server with its Web UI: Temporal's own command-line program, its store a file of ours."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from local.processes import PartFailedError, Program, ending_with_parent, installed_program
from workflows.search_attributes import REGISTERED

RETENTION = "720h"  # 30 days; the server's own default forgets closed procedures after one
START_PATIENCE = 30
FASTER_QUEUES = {
    # The server polls each of its queues 20 times a second at most unless told; that is a third of every latency.
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "200",
    # An activity that a worker's own workflow has just scheduled comes back to it with the answer, past the queue.
    "system.enableActivityEagerExecution": "true",
}
SOON_TOLD = {
    # After so many failures in a row a workflow is listed as one whose code fails: twenty seconds instead of a minute.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "3",
}
NO_HTTP_API = {
    # The server also speaks HTTP, without a login and to any page that the browser of this machine has open.
    "frontend.httpAllowedHosts": "[]",
}
TIME_SKIPPING = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"10ms"',
}
"""Lets `temporalio.testing.TimeSkipper` move single workflows ahead. For tests and the demonstration only."""


@dataclass(frozen=True)
class TemporalPorts:
    grpc: int
    ui: int | None = None
    """None: without the Web UI."""


class TemporalServer(Program):
    """`store`: the database file; None keeps all in memory. `codec_url`: where the Web UI has payloads decoded."""

    def __init__(
        self,
        store: Path | None,
        *,
        ports: TemporalPorts,
        log: Path,
        codec_url: str | None = None,
        time_skipping: bool = False,
    ) -> None:
        super().__init__(log)
        self._store = store
        self._ports = ports
        self._codec_url = codec_url
        self._dynamic_config = FASTER_QUEUES | SOON_TOLD | NO_HTTP_API | (TIME_SKIPPING if time_skipping else {})

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._ports.grpc}"

    @property
    def ui_url(self) -> str | None:
        return f"http://127.0.0.1:{self._ports.ui}" if self._ports.ui else None

    def command(self) -> list[str]:
        command = [installed_program("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"]
        command += ["--port", str(self._ports.grpc), *self._ui_options(), *self._store_options()]
        for name, kind in REGISTERED.items():
            command += ["--search-attribute", f"{name}={kind}"]
        for key, value in self._dynamic_config.items():
            command += ["--dynamic-config-value", f"{key}={value}"]
        return ending_with_parent(command, stop_signal=self.stop_signal)

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        self.wait_for_port(process, self._ports.grpc)
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            self.fail_if_ended(process)
            if self._set_retention():
                return
        raise PartFailedError(f"Temporal did not answer within {START_PATIENCE} s; see {self.log}.")

    def _ui_options(self) -> list[str]:
        if self._ports.ui is None:
            return ["--headless"]
        codec = ["--ui-codec-endpoint", self._codec_url] if self._codec_url else []
        # The news would be fetched from outside by the operator's browser.
        return ["--ui-port", str(self._ports.ui), "--ui-disable-news-fetch", *codec]

    def _store_options(self) -> list[str]:
        if self._store is None:
            return []
        pragmas = ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=2"]
        return ["--db-filename", str(self._store), *pragmas]

    def _set_retention(self) -> bool:
        update = ["operator", "namespace", "update", "--namespace", "default", "--retention", RETENTION]
        try:
            done = subprocess.run(
                [installed_program("temporal"), *update, "--address", self.address],
                capture_output=True,
                check=False,
                timeout=START_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
