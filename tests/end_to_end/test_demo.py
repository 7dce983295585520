"""The demo, as a stranger starts it: everything it says it does, it does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo_story import APPLICANT
from local.product_command import CLI


@pytest.mark.timeout(240)
@pytest.mark.requirement("GEN-02", "GEN-03")
def test_the_demo_plays_to_its_end_and_stops_cleanly(tmp_path: Path) -> None:
    """A worker killed with -9 in the middle of it changes nothing in the story."""
    command = [sys.executable, str(CLI), "demo", f"--data-dir={tmp_path / 'demo'}", "--pace=0", "--no-stay"]
    played = subprocess.run(command, capture_output=True, text=True, timeout=220, check=False)  # noqa: S603 - the demo
    assert played.returncode == 0, played.stdout + played.stderr
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
        "three UTMs for a year",
        f"The carrier says scheduled: {APPLICANT} is told",
        f"The carrier says shipped: {APPLICANT} is told",
        "A dry run changes nothing",
        "The return kit for UTM a1a1b2b2c3c3 is ordered",
        "the cancellation is undone, the contract active",
        "The application was approved",
        "Stopped in",
    ):
        assert happened in story, played.stdout
