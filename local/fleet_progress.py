"""A fleet restart on its way, for the person at the terminal: a bar that moves, or in a log a line at each change."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from local.fleet_client import Fleet, FleetClient, RefusedError
from local.terminal import PatientConsole

_LOOK_EVERY_SECONDS = 1.0
_INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


class FleetScreen:
    """`again`: how to call the commands again, the tenant included: `--tenant T1234567`."""

    def __init__(self, client: FleetClient, *, again: str, console: Console | None = None) -> None:
        self._client = client
        self._again = again
        self._console = console or PatientConsole(highlight=False, soft_wrap=True)

    def begin(self, wish: dict[str, object], *, watch: bool) -> int:
        """Returns the exit code: 0 when all went well, as far as it was watched."""
        try:
            fleet_restart_id = self._client.begin(wish)
        except RefusedError as refusal:
            return self._fail(refusal)
        self._say(f"Fleet restart {fleet_restart_id} has begun.")
        if not watch:
            self._say_how_to_look(fleet_restart_id)
            return 0
        return self.watch(fleet_restart_id)

    def watch(self, fleet_restart_id: str) -> int:
        try:
            with _interrupts() as seen:
                fleet = self._follow(fleet_restart_id, seen)
        except RefusedError as refusal:
            self._fail(refusal)
            self._say_how_to_look(fleet_restart_id)
            return 1
        except KeyboardInterrupt:
            self._say("It goes on without you.")
            self._say_how_to_look(fleet_restart_id)
            return _INTERRUPTED
        self._conclude(fleet)
        return 0 if fleet.has_succeeded else 1

    def tell(self, fleet_restart_id: str) -> int:
        """How it stands now."""
        try:
            fleet = self._client.read(fleet_restart_id)
        except RefusedError as refusal:
            return self._fail(refusal)
        self._say(_line(fleet))
        self._conclude(fleet)
        return 0

    def cancel(self, fleet_restart_id: str) -> int:
        try:
            fleet = self._client.cancel(fleet_restart_id)
        except RefusedError as refusal:
            return self._fail(refusal)
        self._say(_line(fleet))
        return 0

    def _follow(self, fleet_restart_id: str, interrupts: list[int]) -> Fleet:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[standing]}", markup=False))
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal) as progress:
            bar = progress.add_task("", total=None, standing="")
            said = ""
            while not interrupts:
                fleet = self._client.read(fleet_restart_id)
                said = self._show(fleet, progress, bar, said=said)
                if fleet.is_over:
                    return fleet
                time.sleep(_LOOK_EVERY_SECONDS)
        raise KeyboardInterrupt

    def _show(self, fleet: Fleet, progress: Progress, bar: TaskID, *, said: str) -> str:
        progress.update(bar, total=fleet.total, completed=fleet.over, standing=_standing(fleet))
        line = _line(fleet)
        if not self._console.is_terminal and line != said:
            self._say(line)
        return line

    def _conclude(self, fleet: Fleet) -> None:
        if fleet.is_over:
            self._say(
                "All of them have restarted." if fleet.has_succeeded else f"It is {fleet.state}: {fleet.standing}."
            )
        if not fleet.unsuccessful:
            return
        table = Table.grid(padding=(0, 2))
        for item in fleet.unsuccessful:
            why = " ".join(word for word in (item["reason"], item["detail"]) if word)
            table.add_row(Text(item["utm_id"]), Text(item["at"]), Text(item["state"]), Text(why.replace("_", " ")))
        self._console.print(table)

    def _say_how_to_look(self, fleet_restart_id: str) -> None:
        for what, command in (("Look again", "status"), ("Take it back", "cancel")):
            self._say(f"{what + ':':<14}tetsuzuki fleet {command} {fleet_restart_id} {self._again}")

    def _say(self, sentence: str) -> None:
        self._console.print(Text(sentence))

    def _fail(self, refusal: RefusedError) -> int:
        self._console.print(Text(str(refusal), "red"))
        return 1


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Those of Ctrl-C so far: Python drops the exception of one that comes while something is being cleaned up."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _standing(fleet: Fleet) -> str:
    slot = fleet.next_slot
    return f"{fleet.standing}; next slot {slot.astimezone():%Y-%m-%d %H:%M %Z}" if slot else fleet.standing


def _line(fleet: Fleet) -> str:
    return f"{fleet.over} of {fleet.total} over: {_standing(fleet)}"
