"""Temporal's test server: one world clock that runs as real time does and jumps when asked. It forgets all at its end.

It has no switch for the address it listens on and takes connections on every interface: for rehearsals with invented
data, on a machine one trusts.
"""

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client

from local.processes import Program, ending_with_parent, installed_program
from workflows.search_attributes import registered_types


class RehearsalServer(Program):
    def __init__(self, *, port: int, log: Path) -> None:
        super().__init__(log)
        self._port = port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        # Without `--enable-time-skipping` the clock starts locked, that is, as real time, and can still be advanced.
        return ending_with_parent(
            [installed_program("temporal-test-server"), str(self._port)], stop_signal=self.stop_signal
        )

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        self.wait_for_port(process, self._port)
        # In a thread of its own, so that it can be called where an event loop already runs.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self._register_search_attributes()).result()

    async def _register_search_attributes(self) -> None:
        client = await Client.connect(self.address)
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=registered_types())
        )
