"""Which stories are told with which deaths: what the lane and its pytest tell each other."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.boundaries import Death


@dataclass(frozen=True)
class Run:
    """Of a story. Undisturbed ones are golden; all others are compared with them."""

    death: Death
    name: str

    @property
    def is_golden(self) -> bool:
        return self.death.number is None

    def __str__(self) -> str:
        return f"{self.death.procedure}-{self.name}"


def read_plan(folder: Path) -> list[Run]:
    planned = json.loads((folder / "plan.json").read_text())
    return [Run(Death(**run["death"]), run["name"]) for run in planned]


def write_plan(folder: Path, runs: list[Run]) -> None:
    (folder / "plan.json").write_text(json.dumps([asdict(run) for run in runs]))
