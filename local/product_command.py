"""A part of the stack that is the product itself: `tetsuzuki inbox`, `worker`, `api`, as processes of their own."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.processes import PartFailedError, Program, ending_with_parent

CLI = Path(__file__).parent.parent / "cli.py"
START_PATIENCE = 60  # seconds


class ProductCommand(Program):
    """`ports`: those that must be open, and `ready_url`: what must answer 200, before it counts as ready."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        ports: Sequence[int] = (),
        ready_url: str | None = None,
    ) -> None:
        super().__init__(log)
        self._arguments = arguments
        self._environment = dict(environment or {})
        self._ports = ports
        self._ready_url = ready_url

    def command(self) -> list[str]:
        return ending_with_parent([sys.executable, str(CLI), *self._arguments], stop_signal=self.stop_signal)

    def environment(self) -> dict[str, str]:
        return self._environment

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        for port in self._ports:
            self.wait_for_port(process, port)
        if self._ready_url is not None:
            self._wait_for_answer(process, self._ready_url)

    def _wait_for_answer(self, process: subprocess.Popen[bytes], url: str) -> None:
        deadline = time.monotonic() + START_PATIENCE
        last = "nothing"
        while time.monotonic() < deadline:
            self.fail_if_ended(process)
            last = _answer(url)
            if last == "200":
                return
            time.sleep(0.05)
        raise PartFailedError(f"{url} did not say it is ready within {START_PATIENCE} s. It last said: {last}")


def _answer(url: str) -> str:
    """The status, or what is wrong."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an http address of our own
            return str(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return f"{refusal.code} {refusal.read().decode(errors='replace')[:2000]}"
    except OSError as error:
        return str(error)
