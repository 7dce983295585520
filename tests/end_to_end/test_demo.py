"""The demo, as a stranger starts it: everything it says it does, it does."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local.product_command import CLI


@pytest.mark.timeout(240)
@pytest.mark.requirement(
    "GEN-02", "GEN-03", "CAT-01", "CON-04", "CON-05", "SHP-02", "SHP-03", "CAN-03", "CAN-08", "CAN-09"
)
@pytest.mark.requirement("KIT-01", "KIT-02", "UND-01", "UND-02", "UND-05")
@pytest.mark.requirement("APR-02", "APR-03", "RSA-01", "RSA-03", "RSA-04", "RSA-05", "VWR-02", "VWR-03", "VWR-04")
@pytest.mark.requirement("UTM-07", "RST-02", "RST-03", "RST-04", "RST-05", "RST-06", "RST-08")
def test_the_demo_plays_to_its_end_and_stops_cleanly(tmp_path: Path) -> None:
    """A killed worker changes nothing in the story, and every line of the dry run comes true, or it would say so."""
    command = [sys.executable, str(CLI), "demo", f"--data-dir={tmp_path / 'demo'}", "--pace=0", "--no-stay"]
    played = subprocess.run(command, capture_output=True, text=True, timeout=220, check=False)  # noqa: S603 - the demo
    assert played.returncode == 0, played.stdout + played.stderr
    assert (tmp_path / "demo" / "rehearsal" / "return-slip-a1a1b2b2c3c3.pdf").read_bytes().startswith(b"%PDF-")
    story = re.sub(r"\s+", " ", played.stdout)
    for happened in (
        "register on the page behind it, and sign in",
        "pressing its button confirms",
        "On hold, with a memo",
        "kill -9 of the worker",
        "approved all the same: customer A",
        "the last reminder",
        "his signup has expired",
        "The catalogue has 1 product",
        "The application was approved",
        "Two hours later the carrier plans to be there",
        "it came a day late, which was mailed as well",
        "(again)",
        "the contract has renewed itself",
        "A dry run for",
        "The return kit for UTM a1a1b2b2c3c3 is ordered",
        "a day before that: undone. The contract is active",
        "An undo now is refused: undo_window_closed",
        "the first business day: a return kit has left",
        "The device is back since",
        "lines came true",
        "All are online",
        "seconds later the device has restarted, and the status says: succeeded",
        "that replaces",
        "Or not at all: cancelled",
        "begins on time. The status says: succeeded",
        "The status says: failed, offline",
        "The restart failed: the UTM could not be reached",
        "10 of 10 over: 10 succeeded",
        "they have restarted 12 times",
        "It chooses nothing, so: awaiting_approval",
        "its password is in two mails and nowhere else",
        "by duration. The device is told to stop",
        "it shows 10 UTMs of",
        "The same credential on another PC: 401",
        "Stopped in",
    ):
        assert happened in story, played.stdout


@pytest.mark.timeout(120)
def test_a_demo_that_is_stopped_in_the_middle_leaves_nothing_running(tmp_path: Path) -> None:
    """Also not its second stack, which is only just coming up."""
    command = [sys.executable, str(CLI), "demo", f"--data-dir={tmp_path / 'demo'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as playing:  # noqa: S603 - likewise
        assert playing.stdout is not None
        assert any("The operator creates tenant" in line for line in playing.stdout)
        playing.send_signal(signal.SIGINT)
        assert "Stopped in" in playing.stdout.read()
    assert playing.returncode == 0
    assert [process.info for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info)] == []


@pytest.mark.timeout(120)
def test_a_rehearsal_that_is_killed_ends_the_demo_in_a_sentence(tmp_path: Path) -> None:
    """Its engine is the one part that cannot come back: it keeps everything in memory."""
    command = [sys.executable, str(CLI), "demo", f"--data-dir={tmp_path / 'demo'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as playing:  # noqa: S603 - likewise
        ready = tmp_path / "demo" / "rehearsal-ready.json"
        while not ready.exists():
            assert playing.poll() is None
            time.sleep(0.1)
        processes = json.loads((tmp_path / "demo" / "rehearsal" / "processes.json").read_text())
        os.kill(processes["Temporal"]["pid"], signal.SIGKILL)
        said, _ = playing.communicate(timeout=60)
    assert playing.returncode == 1
    assert "what it knew is gone with it" in re.sub(r"\s+", " ", said)
    assert "Traceback" not in said
