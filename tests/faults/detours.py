"""A proxy before each server that the product's worker and API need."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local.processes import free_port
from tests.faults.tcp_proxy import TcpProxy

POSTGRES, TEMPORAL, MAIL = "Postgres", "Temporal", "mail server"


class Detours:
    """`by`: the proxies, by the server's name."""

    def __init__(self) -> None:
        targets = {name: free_port() for name in (POSTGRES, TEMPORAL, MAIL)}
        self.targets = targets
        self.by = {name: TcpProxy(free_port(), target) for name, target in targets.items()}

    @property
    def launcher(self) -> list[str]:
        """Comes before the command that starts the product."""
        ports = [str(self.by[name].port) for name in (POSTGRES, TEMPORAL)]
        return [sys.executable, "-m", "tests.faults.detoured_up", *ports]

    def settle(self, data_dir: Path) -> None:
        """Have the stack of that folder, which is still to be made, take the ports that the proxies lead to."""
        data_dir.mkdir(mode=0o700, parents=True)
        ports = {"postgres": self.targets[POSTGRES], "temporal": self.targets[TEMPORAL]}
        (data_dir / "ports.json").write_text(json.dumps(ports))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        await asyncio.gather(*(proxy.listen() for proxy in self.by.values()))
        try:
            yield
        finally:
            for proxy in self.by.values():
                proxy.refuse()
