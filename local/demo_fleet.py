"""`tetsuzuki fleet restart` in the demo: typed by one of the staff, so to say, at the demo's own terminal."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from local.demo_cast import DemoFailedError
from local.demo_office import Office
from local.processes import ending_with_parent
from local.product_command import CLI, ProductCommand

_PATIENCE = 30  # seconds


class FleetCommand:
    """For all UTMs of the office's customer."""

    def __init__(self, office: Office, *, at: datetime, per_slot: int) -> None:
        self._office = office
        self._what = ["fleet", "restart", f"--at={at.isoformat(timespec='minutes')}", f"--per-slot={per_slot}"]
        self._whose = [f"--tenant={office.tenant}", f"--customer={office.customer}"]

    @property
    def words(self) -> str:
        return f"tetsuzuki {' '.join([*self._what, *self._whose])}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.subprocess.Process"]:
        """A process that signs in by an API key, and tells of the progress until it is over."""
        key = await self._office.ask("POST", "/api-keys", {"name": "fleet", "scope": "write"})
        command = [sys.executable, str(CLI), *self._what, *self._whose]
        process = await asyncio.create_subprocess_exec(
            *ending_with_parent(command, stop_signal=ProductCommand.stop_signal),
            env=os.environ
            | {
                "TETSUZUKI_API_URL": self._office.cast.addresses.api_url,
                "TETSUZUKI_TOKEN": key["key"],
                "TZ": "Asia/Tokyo",
            },
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def counts(self) -> dict[str, int]:
        """How many restarts are in which state; empty before it has begun."""
        begun = (await self._office.ask("GET", "/procedures?kind=fleet-restart"))["items"]
        if not begun:
            return {}
        counts: dict[str, int] = (await self._office.ask("GET", f"/fleet-restarts/{begun[0]['subject']}"))["counts"]
        return counts


async def ended_well(process: "asyncio.subprocess.Process") -> None:
    """Raises: DemoFailedError: it ended with another code than 0."""
    async with asyncio.timeout(_PATIENCE):
        code = await process.wait()
    if code:
        raise DemoFailedError(f"The fleet restart's command ended with {code}.")
