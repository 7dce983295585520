"""The worker killed at every boundary of the history of every procedure, while its story is told.

Each story is told twice undisturbed, which counts its boundaries, and then once for each of them.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.faults.boundaries import Death
from tests.faults.lanes import timed
from tests.faults.plans import Run, write_plan
from tests.faults.report import Findings
from tests.faults.stories import STORIES, tests_of

ROOT = Path(__file__).parents[2]
AT_ONCE = 4
"""Stories told at a time; most of it is waiting."""
_GOLDEN = ("golden1", "golden2")
_NAME = re.compile(r"\[([^\]]+)\]$")
_PATIENCE = "60"  # seconds


@dataclass(frozen=True)
class Told:
    """What became of a story. `trouble`: why it is not as it should be."""

    deaths: int
    copies: int
    trouble: str | None


async def boundary_kills(
    folder: Path, *, procedures: Collection[str] = tuple(STORIES), at_most: int | None = None
) -> Findings:
    """`at_most`: so many boundaries of each procedure, spread over its story; else all of them."""
    findings = Findings("the worker killed at every boundary")
    async with timed(findings):
        golden = [Run(Death(procedure), name) for procedure in procedures for name in _GOLDEN]
        undisturbed = await _tell(folder, golden)
        findings.wrong += [f"{run} undisturbed: {told.trouble}" for run, told in undisturbed.items() if told.trouble]
        counted = {procedure: _boundaries(folder, procedure) for procedure in procedures}
        strikes = [
            Run(Death(procedure, number), f"{number:03}")
            for procedure, names in counted.items()
            for number in _chosen(len(names), at_most)
        ]
        told = await _tell(folder, strikes)
        findings.rows = _table(counted, told)
        for run in strikes:
            if (trouble := told[str(run)].trouble) is not None:
                where = counted[run.death.procedure][(run.death.number or 1) - 1]
                findings.wrong.append(f"{run} ({where}): {trouble}")
    return findings


def _chosen(count: int, at_most: int | None) -> list[int]:
    if at_most is None or at_most >= count:
        return list(range(1, count + 1))
    return sorted({1 + (count - 1) * n // (at_most - 1) for n in range(at_most)})


def _boundaries(folder: Path, procedure: str) -> list[str]:
    """By the longer of the undisturbed stories: turns that meet are one."""
    places = [folder / f"{procedure}-{name}.boundaries" for name in _GOLDEN]
    return max((place.read_text().splitlines() for place in places if place.exists()), key=len, default=[])


async def _tell(folder: Path, runs: list[Run]) -> dict[str, Told]:
    write_plan(folder, runs)
    report = folder / f"{time.monotonic_ns()}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(min(AT_ONCE, len(runs))), "--dist", "worksteal"]
    command += [
        "--tb=native",
        "--timeout",
        "400",
        f"--junitxml={report}",
        *tests_of({run.death.procedure for run in runs}),
    ]
    with (folder / "output.txt").open("ab") as output:
        telling = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=os.environ | _environment(folder), stdout=output, stderr=output
        )
        try:
            await telling.wait()
        finally:
            if telling.returncode is None:
                telling.terminate()
                await telling.wait()
    reported = _reported(report)
    return {str(run): reported.get(str(run), Told(0, 0, "it was never told")) for run in runs}


def _environment(folder: Path) -> Mapping[str, str]:
    return {
        "TETSUZUKI_FAULTS": "tests.faults.mortal",
        "TETSUZUKI_BOUNDARIES": str(folder),
        "TETSUZUKI_PATIENCE": _PATIENCE,
    }


def _reported(report: Path) -> dict[str, Told]:
    if not report.exists():
        return {}
    found: dict[str, Told] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest has just written it
        name = _NAME.search(case.get("name", ""))
        noted = {one.get("name"): one.get("value") or "" for one in case.iter("property")}
        troubles = [one.get("message", "") for kind in ("failure", "error", "skipped") for one in case.iter(kind)]
        if name is not None:
            earlier = found.get(name.group(1))
            trouble = " / ".join([*troubles, *([earlier.trouble] if earlier and earlier.trouble else [])])
            told = Told(int(noted.get("deaths") or 0), int(noted.get("copies") or 0), trouble or None)
            found[name.group(1)] = told
    return found


def _table(counted: Mapping[str, list[str]], told: Mapping[str, Told]) -> list[str]:
    lines = ["| procedure | boundaries | kills | survived | mail copies |", "| --- | --- | --- | --- | --- |"]
    for procedure, names in counted.items():
        mine = [told[name] for name in told if name.startswith(f"{procedure}-")]
        killed = [one for one in mine if one.deaths]
        survived = sum(one.trouble is None for one in killed)
        copies = sum(one.copies for one in mine)
        lines.append(f"| {procedure} | {len(names)} | {len(killed)} | {survived} | {copies} |")
    return lines
