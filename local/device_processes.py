"""Simulated UTMs, each a `tetsuzuki utm` process of its own: plugged in, unplugged, plugged in again."""

import asyncio
import json
import subprocess
from pathlib import Path

from local.product_command import ProductCommand
from local.utm_memory import Deed

_HABITS = ("--heartbeat-every=1", "--wait=10", "--restart=1")
"""In seconds. After a jump of the world clock a device is silent until its next heartbeat."""
_STOP_PATIENCE = 2  # seconds


class DeviceProcesses:
    """`folder`: of the stack whose API they talk to; their logs and memories go there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memories = folder / "devices"
        self._programs: dict[str, ProductCommand] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def plug_in(self, utm_id: str, token: str, api_url: str, *habits: str) -> None:
        """It comes up by itself, and remembers what it did before it was unplugged. `habits`: more options."""
        memory = self._memories / f"{utm_id}.jsonl"
        if utm_id not in self._programs:
            self._memories.mkdir(exist_ok=True)
            memory.unlink(missing_ok=True)  # of an earlier demo
        program = ProductCommand(
            ["utm", f"--api-url={api_url}", f"--memory={memory}", *_HABITS, *habits],
            log=self._folder / "logs" / f"utm-{utm_id}.log",
            environment={"TETSUZUKI_UTM_TOKEN": token},
        )
        self._processes[utm_id] = program.spawn()
        self._programs[utm_id] = program

    def unplug(self, utm_id: str) -> int:
        """Without a word. Returns its process id."""
        process = self._processes[utm_id]
        process.kill()
        process.wait()
        return process.pid

    def restarts(self) -> dict[str, int]:
        """How often each has restarted, as it remembers it itself."""
        return {file.stem: restarts for file in self._memories.glob("*.jsonl") if (restarts := _restarts(file))}

    async def end(self) -> None:
        stops = [asyncio.to_thread(program.stop, patience=_STOP_PATIENCE) for program in self._programs.values()]
        await asyncio.gather(*stops)


def _restarts(memory: Path) -> int:
    return sum(json.loads(note)["deed"] == Deed.RESTARTED for note in memory.read_text().splitlines())
