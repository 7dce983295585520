"""The committed histories: as few as show every step that follows another in any recorded one.

    TETSUZUKI_RECORD_HISTORIES=/tmp/recorded .venv/bin/pytest -q -n 2 tests/processes tests/api
    .venv/bin/python -m tests.replay.corpus /tmp/recorded

Kept histories stay, also those of older code: what they began must still be finished. New ones are added where they
show something new.
"""

import base64
import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from workflows.registry import WORKFLOWS

_PRODUCTS = frozenset(kind.__name__ for kind in WORKFLOWS)
HISTORIES = Path(__file__).parent / "histories"

# Where an event says what it is about.
_NAMES = (
    ("activityTaskScheduledEventAttributes", "activityType", "name"),
    ("markerRecordedEventAttributes", "markerName"),
    ("startChildWorkflowExecutionInitiatedEventAttributes", "workflowType", "name"),
    ("workflowExecutionSignaledEventAttributes", "signalName"),
    ("workflowExecutionUpdateAcceptedEventAttributes", "acceptedRequest", "input", "name"),
    ("workflowExecutionUpdateCompletedEventAttributes", "outcome"),
)
# The engine's own turns, which come as they come.
_TURNS = ("WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "ACTIVITY_TASK_STARTED")


def read(place: Path) -> WorkflowHistory:
    """Named for its workflow's id and the run's."""
    workflow_id = place.name.split(".")[0]
    return WorkflowHistory.from_json(workflow_id, gzip.decompress(place.read_bytes()).decode())


def places(folder: Path = HISTORIES) -> list[Path]:
    """Sorted, in folders named for the workflows' types."""
    return sorted(folder.glob("*/*.json.gz"))


def transitions(place: Path) -> frozenset[tuple[str, str]]:
    """Which step follows which."""
    events = json.loads(gzip.decompress(place.read_bytes()))["events"]
    steps = [step for event in events if (step := _step(event)) is not None]
    return frozenset(zip(["", *steps], [*steps, ""], strict=True))


def add(folder: Path) -> list[Path]:
    """Those recorded histories that show something new, most of it first; copied to the committed ones."""
    shown: dict[str, set[tuple[str, str]]] = {}
    for place in places():
        shown.setdefault(place.parent.name, set()).update(transitions(place))
    added = []
    for place in sorted(places(folder), key=lambda place: (-len(transitions(place)), place.name)):
        known = shown.setdefault(place.parent.name, set())
        new = transitions(place) - known
        if new and place.parent.name in _PRODUCTS:
            known |= new
            kept = HISTORIES / place.parent.name / place.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, kept)
            added.append(kept)
    return added


def _step(event: dict[str, Any]) -> str | None:
    kind = str(event["eventType"]).removeprefix("EVENT_TYPE_")
    if kind in _TURNS:
        return None
    if (local := _local_activity(event)) is not None:
        return f"{kind} {local}"
    for path in _NAMES:
        value: Any = event
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return f"{kind} {min(value) if isinstance(value, dict) else value}"
    return kind


def _local_activity(event: dict[str, Any]) -> str | None:
    """Its name stands within the marker that it leaves, which the engine's client writes and nobody encrypts."""
    details = event.get("markerRecordedEventAttributes", {}).get("details", {})
    for payload in details.get("data", {}).get("payloads", []):
        name = json.loads(base64.b64decode(payload["data"])).get("activity_type")
        return str(name) if name else None
    return None


if __name__ == "__main__":
    for place in add(Path(sys.argv[1])):
        print(place.relative_to(HISTORIES))  # noqa: T201 - a command's output
