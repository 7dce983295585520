"""How the demo speaks: act by act, a sentence and its links at a time, with a pause to read each."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from local.carrier_journey import Telling
from local.demo_office import in_japan
from local.terminal import Link, Terminal


class Narrator:
    """`pace`: seconds to read a step."""

    def __init__(self, terminal: Terminal, pace: float) -> None:
        self._terminal = terminal
        self._pace = pace

    def act(self, title: str) -> None:
        self._terminal.act(title)

    async def step(self, sentence: str, *links: Link) -> None:
        self._terminal.note(f"  {sentence}")
        await self.show(*links)

    async def show(self, *links: Link) -> None:
        self._terminal.links(list(links))
        await asyncio.sleep(self._pace)

    def lines(self, lines: list[str]) -> None:
        for line in lines:
            self._terminal.note(f"    {line}")

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[str], None]]:
        """Something that takes a moment; how far it is can be told meanwhile."""
        with self._terminal.waiting(what) as tell:
            yield tell

    def checked(self, rows: list[tuple[str, str, str, bool]]) -> None:
        self._terminal.checked(rows)


def minute(instant: datetime | str) -> str:
    return f"{in_japan(instant):%Y-%m-%d %H:%M}"


def said(tellings: list[Telling]) -> list[str]:
    """When a carrier told what, in its order, and since when it has been so."""
    known: set[str] = set()
    lines = []
    for telling in tellings:
        again = "  (again)" if telling.event_id in known else ""
        known.add(telling.event_id)
        event = telling.event
        planned = f" for {event.planned_arrival_date}" if event.planned_arrival_date else ""
        lines.append(f"{minute(telling.at)}  {event.state}{planned}, since {minute(event.occurred_at)}{again}")
    return lines
