"""A copy of the source tree in which one mistake is made, and the check that must find it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.planted.bugs import Bug, Change

ROOT = Path(__file__).parents[3]
_WITHIN = 40  # seconds a test; a check that hangs has found something too
_BROKEN = re.compile(r"errors? during collection|INTERNALERROR|ImportError|SyntaxError|NameError")
_PASSED, _FAILED = 0, 1  # pytest's own exit codes


class AnchorError(Exception):
    """The code has moved on from where the mistake was to be made."""


def changed(text: str, change: Change) -> str:
    """Raises: AnchorError: the anchor is not there, or is there more than once."""
    if (count := text.count(change.old)) != 1:
        raise AnchorError(f"{change.path} has {count} of {change.old!r}")
    return text.replace(change.old, change.new)


def sources(root: Path, changes: tuple[Change, ...]) -> dict[Path, str]:
    """The files of a mistake, as they would be."""
    found: dict[Path, str] = {}
    for change in changes:
        place = root / change.path
        found[place] = changed(found.get(place) or place.read_text(), change)
    return found


def copy_to(folder: Path) -> None:
    """Everything that belongs to the project, and nothing that was made of it."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode()  # noqa: S603 - our own words
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())


@contextmanager
def planted(bug: Bug, folder: Path) -> Iterator[None]:
    """The mistake, made in the copy until the end of the block."""
    before = {place: place.read_text() for place in sources(folder, bug.changes)}
    for place, text in sources(folder, bug.changes).items():
        place.write_text(text)
    try:
        yield
    finally:
        for place, text in before.items():
            place.write_text(text)


@dataclass(frozen=True)
class Verdict:
    """`trouble`: why the bug does not count as found."""

    seconds: float
    trouble: str | None = None


def check(bug: Bug, folder: Path) -> Verdict:
    """The check passes in the copy as it is, and finds the mistake in it, for the right reason."""
    code, said, _ = _run(bug, folder)
    if code != _PASSED:
        return Verdict(0, f"its check fails without it: {said[-1500:]}")
    with planted(bug, folder):
        code, said, seconds = _run(bug, folder)
    if code == _PASSED:
        return Verdict(seconds, "nothing finds it")
    if code != _FAILED or _BROKEN.search(said):
        return Verdict(seconds, f"its check did not run: {said[-1500:]}")
    if not re.search(bug.complains, said):
        return Verdict(seconds, f"its check complains of something else: {said[-1500:]}")
    return Verdict(seconds)


def _run(bug: Bug, folder: Path) -> tuple[int, str, float]:
    """Exit code, output, seconds."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=native"]
    command += ["--timeout", str(_WITHIN)]
    environment = os.environ | {"TETSUZUKI_FAULTS": bug.plugin}
    began = time.monotonic()
    ran = subprocess.run(  # noqa: S603 - our own words
        [*command, *bug.found_by.split()], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr, time.monotonic() - began
