import asyncio
import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from local.data_folder import DataFolder
from local.processes import PartFailedError, Program, ending_with_parent
from local.supervisor import Part, Supervisor
from local.terminal import Terminal

WAITING = "import signal; signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
SOON_DEAD = "import time; time.sleep(0.05)"


class Script(Program):
    """A few words of Python as a part of the stack. `starts`: whether they live to be ready."""

    def __init__(self, folder: Path, script: str, *, starts: bool = True) -> None:
        super().__init__(folder / "part.log")
        self._script = script
        self._starts = starts

    def command(self) -> list[str]:
        return ending_with_parent([sys.executable, "-c", self._script], stop_signal=self.stop_signal)

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        if not self._starts:
            process.wait()
            self.fail_if_ended(process)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what other processes do sets no event here
            await asyncio.sleep(0.02)


class Stage:
    """A supervisor, its parts, and what it says."""

    def __init__(self, folder: Path) -> None:
        self._said = io.StringIO()
        self.supervisor = Supervisor(DataFolder(folder), Terminal(Console(file=self._said, width=10_000)))
        self.parts: list[Part] = []
        self._folder = folder

    @property
    def told(self) -> str:
        """What the person at the terminal was told so far."""
        return self._said.getvalue()

    async def keep(self, script: str, *, starts: bool = True, irreplaceable: bool = False) -> Part:
        program = Script(self._folder, script, starts=starts)
        part = Part(f"Part {len(self.parts) + 1}", program, stop_patience=1, irreplaceable=irreplaceable)
        self.parts.append(part)
        await self.supervisor.keep(part)
        return part


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.supervisor.stop([stage.parts])


@pytest.mark.requirement("GEN-02")
async def test_a_killed_part_is_started_again_at_once(stage: Stage) -> None:
    """A part ended by a kill runs again, and the person at the terminal is told both."""
    part = await stage.keep(WAITING)
    killed = part.program.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: "Part 1 runs again." in stage.told)
    assert "Part 1 was ended by SIGKILL; it is started again at once." in stage.told
    assert part.program.pid not in {None, killed}


async def test_a_part_that_dies_again_and_again_is_given_pauses(stage: Stage) -> None:
    """A part that cannot live does not burn the machine, and each longer pause is said plainly."""
    await stage.keep(SOON_DEAD)
    await eventually(lambda: "ended with code 0; it is started again in 1 s" in stage.told)
    told = stage.told
    assert told.index("again at once") < told.index("again in 0.5 s") < told.index("again in 1 s")


@pytest.mark.requirement("GEN-02")
async def test_a_part_that_dies_while_the_disk_is_full_is_started_again_once_there_is_space(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process could not be noted down, so it was ended; the stack goes on trying instead of giving up."""
    part = await stage.keep(WAITING)
    note, refused = DataFolder.remember_process, iter([True, True])

    def full(folder: DataFolder, name: str, pid: int, stop_signal: signal.Signals) -> None:
        if next(refused, False):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        note(folder, name, pid, stop_signal)

    monkeypatch.setattr(DataFolder, "remember_process", full)
    assert part.program.pid is not None
    os.kill(part.program.pid, signal.SIGKILL)
    await eventually(lambda: "Part 1 runs again." in stage.told)
    assert "Part 1 did not start. [Errno 28] No space left on device; it is started again" in stage.told
    assert not stage.supervisor.lost.is_set()


async def test_a_part_that_never_starts_is_told_with_its_last_words(stage: Stage) -> None:
    """The first start of a stack fails as a whole, with what the part had to say."""
    with pytest.raises(PartFailedError, match="no such setting"):
        await stage.keep("raise SystemExit('no such setting')", starts=False)


async def test_the_loss_of_an_irreplaceable_part_is_the_end(stage: Stage) -> None:
    """What holds the only copy of its data is not started again empty."""
    part = await stage.keep(WAITING, irreplaceable=True)
    assert part.program.pid is not None
    os.kill(part.program.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        await stage.supervisor.lost.wait()
    assert "what it knew is gone with it" in stage.told


async def test_stopping_leaves_nothing_running(tmp_path: Path) -> None:
    """Stages are stopped in their order; who does not listen is killed when its patience is over."""
    stage = Stage(tmp_path)
    parts = [await stage.keep(DEAF), await stage.keep(WAITING)]
    processes = [psutil.Process(part.program.pid) for part in parts]
    await eventually(lambda: parts[0].program.log.stat().st_size > 0)
    started = asyncio.get_running_loop().time()
    await stage.supervisor.stop([[part] for part in parts])
    assert 1 <= asyncio.get_running_loop().time() - started < 3
    assert not any(process.is_running() for process in processes)
    assert "again" not in stage.told
