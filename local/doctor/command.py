"""`tetsuzuki doctor`: examines every part and says in plain words what is wrong and what to do."""

import asyncio
import fcntl
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from local import told_settings
from local.doctor.database import DatabaseChecks
from local.doctor.examination import Finding, Verdict, examine
from local.doctor.surroundings import Surroundings
from local.doctor.temporal import TemporalChecks
from settings import Settings

_MARKS = {Verdict.FINE: "[green]✓[/]", Verdict.NOTE: "[yellow]![/]", Verdict.WRONG: told_settings.WRONG}


def run(folder: Path | None) -> int:
    """Examine the stack of a data folder, or without one whatever the environment's settings name.

    The answer is the exit code: 1 when something is wrong.
    """
    console = Console(highlight=False, soft_wrap=True)
    settings = told_settings.read(console, folder)
    if settings is None:
        return 1
    if folder:
        console.print(f"The stack on {escape(str(folder))}:")
    findings = asyncio.run(_examine(settings, folder))
    _tell(console, findings)
    return 1 if any(finding.verdict is Verdict.WRONG for finding in findings) else 0


async def _examine(settings: Settings, folder: Path | None) -> list[Finding]:
    surroundings = Surroundings(settings, folder)
    if folder and not _is_held(folder):
        start = f"Start it: tetsuzuki up --data-dir {folder}"
        return [
            *await examine(surroundings.here()),
            Finding("stack", Verdict.WRONG, "it is not running now; nothing that it keeps is lost", start),
        ]
    database = DatabaseChecks(settings.database_url.get_secret_value())
    groups = [*surroundings.here(), *surroundings.servers(), database.all(), TemporalChecks(settings).all()]
    return await examine(groups)


def _tell(console: Console, findings: list[Finding]) -> None:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        console.print(f"{_MARKS[finding.verdict]} {finding.part:<{width}}  {escape(finding.words)}")
        if finding.remedy:
            console.print(f"  {'':<{width}}  → {escape(finding.remedy)}")
    wrong = sum(finding.verdict is Verdict.WRONG for finding in findings)
    console.print(f"{wrong} of {len(findings)} are wrong." if wrong else "All is well.")


def _is_held(folder: Path) -> bool:
    """Whether a stack runs on the folder now."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
