"""How long `tetsuzuki up` takes until everything answers, and until it has stopped.

    python bench/start_up.py [rounds]

Each round has one start on an empty folder, one on the folder it left, one after all of it was killed, and one of a
rehearsal. Printed are medians in seconds, and the worst.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

CLI = Path(__file__).parent.parent / "cli.py"


def main() -> None:
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        with tempfile.TemporaryDirectory() as folder:
            _one_round(Path(folder), seconds)
    print(f"{'':<32}{'median':>8}{'worst':>8}")
    for what, taken in seconds.items():
        print(f"{what:<32}{statistics.median(taken):>8.1f}{max(taken):>8.1f}")


def _one_round(folder: Path, seconds: dict[str, list[float]]) -> None:
    for what in ("start on an empty folder", "start again", "rehearsal"):
        started = _timed_start(folder, seconds[what], rehearsal=what == "rehearsal")
        began = time.monotonic()
        started.send_signal(signal.SIGTERM)
        started.wait()
        seconds["stop" if what != "rehearsal" else "stop a rehearsal"].append(time.monotonic() - began)
    started = _timed_start(folder, [], rehearsal=False)
    _kill_all(started, folder)
    started = _timed_start(folder, seconds["start after all was killed"], rehearsal=False)
    started.terminate()
    started.wait()


def _timed_start(folder: Path, taken: list[float], *, rehearsal: bool) -> "subprocess.Popen[bytes]":
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(CLI), "up", "--data-dir", str(folder / "data"), "--ready-file", str(ready)],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"TETSUZUKI_REHEARSAL": json.dumps(rehearsal)},
    )
    while not ready.exists():
        if process.poll() is not None:
            raise SystemExit("it ended instead of starting")
        time.sleep(0.02)
    taken.append(time.monotonic() - began)
    return process


def _kill_all(started: "subprocess.Popen[bytes]", folder: Path) -> None:
    recorded = json.loads((folder / "data" / "processes.json").read_text())
    for pid in (started.pid, *(entry["pid"] for entry in recorded.values())):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # the migrations have ended long since
    started.wait()


if __name__ == "__main__":
    main()
