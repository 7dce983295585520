"""`tetsuzuki demo`: the main job on the product itself; on a rehearsal a contract's life, ten devices, and approvals.

Both stay up.
"""

import asyncio
import os
import shutil
import signal
from pathlib import Path

from local.demo_cast import Cast
from local.demo_contract import ContractStory
from local.demo_devices import DeviceStory
from local.demo_narration import Narrator
from local.demo_rehearsal import RehearsalStack
from local.demo_story import Story
from local.demo_support import SupportStory
from local.device_processes import DeviceProcesses
from local.processes import PartFailedError
from local.stack import run_stack
from local.stack_plan import Addresses, UpOptions
from local.terminal import Terminal

_LEFT_BY_A_DEMO = ("logs", "mails", "postgres", "secrets.json", "temporal.sqlite*")


def demo(data_dir: Path, *, pace: float, stay: bool) -> int:
    """Play it from an empty folder. `pace`: seconds to read each step. `stay`: until Ctrl-C. Returns the exit code."""
    options = UpOptions(data_dir=data_dir, time_skipping=True)
    terminal = Terminal()

    def empty() -> None:
        """What an earlier demo left, and nothing else that may lie in the folder. A rehearsal empties its own."""
        for pattern in _LEFT_BY_A_DEMO:
            for leftover in data_dir.glob(pattern):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    async def play(addresses: Addresses) -> None:
        rehearsal, devices = RehearsalStack(data_dir), DeviceProcesses(data_dir / "rehearsal")
        rehearsal.begin()
        watching = asyncio.create_task(rehearsal.watch())
        telling = asyncio.create_task(_play(addresses, rehearsal, devices, data_dir, Narrator(terminal, pace)))
        try:
            await asyncio.wait([telling, watching], return_when=asyncio.FIRST_COMPLETED)
            (telling if telling.done() else watching).result()
            if not stay:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            terminal.note(
                "\nAll of it stays up: open the links, press the buttons, kill -9 what you like. Ctrl-C ends it."
            )
            try:
                await watching
            except PartFailedError as failure:
                terminal.warn(f"{failure}\nThe first act's stack goes on.")
            await asyncio.Event().wait()
        finally:
            telling.cancel()
            watching.cancel()
            await asyncio.gather(rehearsal.end(), devices.end())

    return run_stack(options, terminal, before=empty, then=lambda addresses: asyncio.create_task(play(addresses)))


async def _play(
    addresses: Addresses, rehearsal: RehearsalStack, devices: DeviceProcesses, data_dir: Path, narrator: Narrator
) -> None:
    async with Cast.met(addresses, data_dir) as first:
        await Story(first, narrator).tell()
    addresses_of_rehearsal = await rehearsal.addresses()
    async with Cast.met(addresses_of_rehearsal, data_dir / "rehearsal") as second:
        office = await ContractStory(second, narrator).tell()
        chain, utm_id = await DeviceStory(office, narrator, devices).tell()
        await SupportStory(chain, narrator, utm_id).tell()
    narrator.act("To look at")
    await narrator.show(
        ("first act, all mails", str(addresses.inbox_url)),
        ("first act, all procedures", f"{addresses.temporal_ui_url}/namespaces/default/workflows"),
        ("first act, the API", f"{addresses.api_url}/docs"),
        ("later acts, all mails", str(addresses_of_rehearsal.inbox_url)),
        ("later acts, the API", f"{addresses_of_rehearsal.api_url}/docs"),
    )
