"""What the demo says at its end, "kill -9 what you like", also holds while it plays."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from local.product_command import CLI

_APART = (5, 15)  # seconds
_PLAYS_WITHIN = 420  # seconds
_IN_MEMORY = "Temporal"
"""Of the rehearsal: the one part that cannot come back, and whose death ends the demo in a sentence."""


def parts(folder: Path) -> list[tuple[str, int]]:
    """What runs of both stacks, but for the one that cannot come back."""
    found: list[tuple[str, int]] = []
    for place in (folder / "processes.json", folder / "rehearsal" / "processes.json"):
        if place.exists():
            running = json.loads(place.read_text())
            spared = {_IN_MEMORY} if place.parent.name == "rehearsal" else set()
            found += [(name, entry["pid"]) for name, entry in running.items() if name not in spared]
    return found


@pytest.mark.faults
@pytest.mark.timeout(_PLAYS_WITHIN + 60)
@pytest.mark.requirement("GEN-01", "GEN-03")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_demo_plays_to_its_end_whatever_part_is_killed_every_ten_seconds(tmp_path: Path, seed: int) -> None:
    chance, folder = random.Random(seed), tmp_path / "demo"
    command = [sys.executable, str(CLI), "demo", f"--data-dir={folder}", "--pace=1", "--no-stay"]
    said, killed = tmp_path / "said.txt", list[str]()
    with said.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as playing:  # noqa: S603 - the demo
        until, next_at = time.monotonic() + _PLAYS_WITHIN, time.monotonic() + _APART[1]
        while playing.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
            if time.monotonic() > next_at and (running := parts(folder)):
                name, pid = chance.choice(running)
                with suppress(ProcessLookupError):  # it is dead, and nobody has noted that yet
                    os.kill(pid, signal.SIGKILL)
                killed.append(name)
                next_at = time.monotonic() + chance.uniform(*_APART)
        if playing.poll() is None:
            playing.send_signal(signal.SIGINT)
    assert playing.returncode == 0, f"after {killed}:\n{said.read_text()[-3000:]}"
    assert len(killed) >= 5
    assert "lines came true" in said.read_text()
