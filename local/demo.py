"""`tetsuzuki demo`: the main job, played at a readable pace on the product itself, which then stays up."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

from local.demo_cast import Cast
from local.demo_story import Story
from local.stack import run_stack
from local.stack_plan import Addresses, UpOptions
from local.terminal import Terminal

_LEFT_BY_A_DEMO = ("logs", "mails", "postgres", "secrets.json", "temporal.sqlite*")


def demo(data_dir: Path, *, pace: float, stay: bool) -> int:
    """Play it from an empty folder. `pace`: seconds to read each step. `stay`: until Ctrl-C. Returns the exit code."""
    options = UpOptions(data_dir=data_dir, time_skipping=True)
    terminal = Terminal()

    def empty() -> None:
        """What an earlier demo left, and nothing else that may lie in the folder."""
        for pattern in _LEFT_BY_A_DEMO:
            for leftover in data_dir.glob(pattern):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    async def play(addresses: Addresses) -> None:
        cast = await Cast.meet(addresses, options.folder)
        try:
            await Story(cast, terminal, pace).tell()
        finally:
            await cast.leave()
        if stay:
            terminal.note(
                "\nAll of it stays up: open the links, press the buttons, kill -9 what you like. Ctrl-C ends it."
            )
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    return run_stack(options, terminal, before=empty, then=lambda addresses: asyncio.create_task(play(addresses)))
