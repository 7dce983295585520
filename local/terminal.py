"""What `tetsuzuki up` says to the person at the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Link = tuple[str, str]
"""What it leads to, and where it is."""


class PatientConsole(Console):
    """Goes on without a word when nobody listens any more: the stack outlives the pipe that it was started with."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Terminal:
    def __init__(self, console: Console | None = None) -> None:
        self._console = console or PatientConsole(highlight=False)

    @property
    def is_watched(self) -> bool:
        """A person sits there, rather than a log file."""
        return self._console.is_terminal

    def ready(self, name: str, detail: str, seconds: float) -> None:
        line = Text.assemble(("✓ ", "bold green"), (f"{name:<12}", "bold"), detail, (f"  {seconds:.1f} s", "dim"))
        self._console.print(line, soft_wrap=True)

    def note(self, sentence: str) -> None:
        self._console.print(Text(sentence), soft_wrap=True)

    def act(self, title: str) -> None:
        self._console.print()
        self._console.print(Text(title, "bold cyan"))

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[str], None]]:
        """A line that moves, and is gone afterwards; how far it is can be told meanwhile. A log gets nothing of it."""
        with self._console.status(Text(what)) as status:
            yield lambda now: status.update(Text(now))

    def links(self, links: list[Link]) -> None:
        for name, url in links:
            self._console.print(Text.assemble(("    → ", "dim"), (f"{name}: ", "dim"), url), soft_wrap=True)

    def checked(self, rows: list[tuple[str, str, str, bool]]) -> None:
        """When, what was said, what came of it, and whether the two agree."""
        table = Table.grid(padding=(0, 2))
        for when, said, came, agrees in rows:
            tick = Text("✓", "bold green") if agrees else Text("✗", "bold red")
            table.add_row(tick, Text(when), Text(said), Text(came, "dim"))
        self._console.print(Padding(table, (0, 4)))

    def warn(self, sentence: str) -> None:
        self._console.print(Text.assemble(("! ", "bold yellow"), sentence), soft_wrap=True)

    def fail(self, sentence: str) -> None:
        self._console.print(Text.assemble(("✗ ", "bold red"), sentence), soft_wrap=True)

    def summary(self, rows: list[tuple[str, str]]) -> None:
        table = Table.grid(padding=(0, 2))
        for name, value in rows:
            table.add_row(Text(name, "bold"), Text(value))
        self._console.print()
        self._console.print(table)
        self._console.print()
