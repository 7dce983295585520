"""Starts the stack's programs, starts again what died, and stops them all in order and in time."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from local.data_folder import DataFolder
from local.processes import PartFailedError, Program
from local.terminal import Terminal

Process = subprocess.Popen[bytes]
LOOK_INTERVAL = 0.1  # seconds between looks whether a part still runs
STEADY = 10.0  # seconds: what ran this long before it died is started again at once
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Part:
    name: str
    program: Program
    stop_patience: float
    """Seconds from being asked to stop until being killed."""
    irreplaceable: bool = False
    """What it knew dies with it, so there is no starting it again."""


class Supervisor:
    """Runs in the main thread: the programs are bound to the thread that started them."""

    def __init__(self, folder: DataFolder, terminal: Terminal) -> None:
        self._folder = folder
        self._terminal = terminal
        # Every part may have a thread that waits for it, and none shall wait for a free thread.
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="part")
        self._watches: set[asyncio.Task[None]] = set()
        self.lost = asyncio.Event()
        """An irreplaceable part died."""

    async def keep(self, part: Part) -> None:
        """Start it and return when it is ready; from then on it is started again whenever it dies."""
        process = await self._launch(part)
        watch = asyncio.create_task(self._keep_running(part, process))
        self._watches.add(watch)
        watch.add_done_callback(self._watch_ended)

    async def run_to_end(self, part: Part) -> None:
        """For a program that does its work and ends; its own `wait_until_ready` waits for that."""
        await self._launch(part)

    async def stop(self, stages: Sequence[Sequence[Part]]) -> None:
        """Stop stage after stage, the parts of one at the same time."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        loop = asyncio.get_running_loop()
        for stage in stages:
            await asyncio.gather(*(loop.run_in_executor(self._threads, _stop, part) for part in stage))
        self._threads.shutdown()

    async def _launch(self, part: Part) -> Process:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, part.program.prepare)
        process = part.program.spawn()
        try:
            self._folder.remember_process(part.name, process.pid, part.program.stop_signal)
            await loop.run_in_executor(self._threads, part.program.wait_until_ready, process)
        except (PartFailedError, OSError) as failure:  # on a full disk no process can be noted down
            await loop.run_in_executor(self._threads, _stop, part)
            raise PartFailedError(f"{part.name} did not start. {failure}") from failure
        return process

    async def _keep_running(self, part: Part, process: Process) -> None:
        deaths = 0
        while True:
            started = time.monotonic()
            await _ended(process)
            what_happened = f"{part.name} {_how(process)}"
            if part.irreplaceable:
                self._terminal.warn(f"{what_happened}, and what it knew is gone with it.")
                return self.lost.set()
            deaths = 1 if time.monotonic() - started > STEADY else deaths + 1
            process = await self._start_again(part, what_happened, deaths)

    async def _start_again(self, part: Part, what_happened: str, deaths: int) -> Process:
        for attempt in count(deaths):
            pause = _pause(attempt)
            when = f"again in {pause:g} s" if pause else "again at once"
            self._terminal.warn(f"{what_happened}; it is started {when}. Its log: {part.program.log}")
            await asyncio.sleep(pause)
            try:
                process = await self._launch(part)
            except PartFailedError as failure:
                what_happened = str(failure)
            else:
                self._terminal.note(f"{part.name} runs again.")
                return process
        raise AssertionError  # counting has no end

    def _watch_ended(self, watch: asyncio.Task[None]) -> None:
        self._watches.discard(watch)
        if not watch.cancelled() and watch.exception() is not None:
            self._terminal.warn(f"The watch over a part failed: {watch.exception()!r}")
            self.lost.set()


async def _ended(process: Process) -> None:
    while process.poll() is None:  # noqa: ASYNC110 - a process has no event to wait for on every system
        await asyncio.sleep(LOOK_INTERVAL)


def _how(process: Process) -> str:
    code = process.returncode
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _pause(deaths: int) -> float:
    """Seconds to wait before the next start: none after the first quick death, ever longer after the next."""
    return 0.0 if deaths <= 1 else float(min(FIRST_PAUSE * 2 ** (deaths - 2), LONGEST_PAUSE))


def _stop(part: Part) -> None:
    part.program.stop(patience=part.stop_patience)
