"""A part of the stack that is the product itself: `tetsuzuki inbox`, `worker`, `api`, as processes of their own."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.processes import PartFailedError, Program, ending_with_parent, last_lines

CLI = Path(__file__).parent.parent / "cli.py"


class ProductCommand(Program):
    """`ports`: those that must be open before it counts as ready."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        ports: Sequence[int] = (),
    ) -> None:
        super().__init__(log)
        self._arguments = arguments
        self._environment = dict(environment or {})
        self._ports = ports

    def command(self) -> list[str]:
        return ending_with_parent([sys.executable, str(CLI), *self._arguments], stop_signal=self.stop_signal)

    def environment(self) -> dict[str, str]:
        return self._environment

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        for port in self._ports:
            self.wait_for_port(process, port)


class Migrations(ProductCommand):
    """`tetsuzuki migrate`, which is ready when it has ended well."""

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        if process.wait():
            raise PartFailedError(f"The migrations failed. Their last words, from {self.log}:\n{last_lines(self.log)}")
