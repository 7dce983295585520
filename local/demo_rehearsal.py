"""The stack of the demo's second act: a `tetsuzuki up --rehearsal` of its own, beside the first."""

import asyncio
import json
from pathlib import Path

from local.product_command import ProductCommand
from local.stack import READY_PATIENCE
from local.stack_plan import Addresses

CARRIER_SEED = 2
"""Its first parcel is late by a day, and the news of that is overtaken; its second comes home."""
_STOP_PATIENCE = 10  # seconds
_LOOK_SECONDS = 0.2


class RehearsalStack:
    def __init__(self, data_dir: Path) -> None:
        self._ready_file = data_dir / "rehearsal-ready.json"
        options = ["--rehearsal", "--local-carrier", f"--carrier-seed={CARRIER_SEED}"]
        places = [f"--data-dir={data_dir}", f"--ready-file={self._ready_file}"]
        self._program = ProductCommand(["up", *options, *places], log=data_dir / "logs" / "rehearsal.log")

    def begin(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        self._process = self._program.spawn()

    async def addresses(self) -> Addresses:
        """Once everything answers. Raises: PartFailedError: it does not come up."""
        async with asyncio.timeout(2 * READY_PATIENCE):
            while not self._ready_file.exists():
                self._program.fail_if_ended(self._process)
                await asyncio.sleep(0.1)
        return Addresses(**json.loads(self._ready_file.read_text()))

    async def watch(self) -> None:
        """For as long as it is up. Raises: PartFailedError: it is over; what its engine knew was in memory alone."""
        while True:
            self._program.fail_if_ended(self._process)
            await asyncio.sleep(_LOOK_SECONDS)

    async def end(self) -> None:
        await asyncio.to_thread(self._program.stop, patience=_STOP_PATIENCE)
