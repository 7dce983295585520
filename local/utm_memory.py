"""What a simulated UTM remembers over its restarts: which commands it has seen, and how far it got with each.

A file of JSON lines, so that whatever is killed in the middle, what was done is known, and done once.
"""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path


class Deed(StrEnum):
    """Of each kind of command: taken, then carried out; of all kinds: reported."""

    TAKEN = "taken"
    RESTARTED = "restarted"
    START_TAKEN = "start_taken"
    SESSION_OPENED = "session_opened"
    SESSION_REFUSED = "session_refused"
    """It was opened when nobody waited for it any more, and is closed again."""
    STOP_TAKEN = "stop_taken"
    SESSION_CLOSED = "session_closed"
    REPORTED = "reported"
    """Done with: the API knows how it ended, or would not have it begun."""


class Memory:
    """`file`: without one it forgets with the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._deeds: dict[tuple[str, str], Deed] = {}
        if file is not None and file.exists():
            for line in file.read_text().splitlines():
                told = json.loads(line)
                self._deeds[told["device"], told["command_id"]] = Deed(told["deed"])

    def note(self, device: str, command_id: str, deed: Deed) -> None:
        self._deeds[device, command_id] = deed
        if self._file is not None:
            told = {"device": device, "command_id": command_id, "deed": deed}
            with self._file.open("a") as file:
                file.write(f"{json.dumps(told)}\n")

    def last(self, device: str, command_id: str) -> Deed | None:
        return self._deeds.get((device, command_id))

    def unfinished(self, device: str) -> Iterator[tuple[str, Deed]]:
        """What it was at when it went down, and how far it had got."""
        for (whose, command_id), deed in list(self._deeds.items()):
            if whose == device and deed is not Deed.REPORTED:
                yield command_id, deed
