"""The figures as Markdown, put between the markers of docs/performance.md, and as a chart beside it."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TypeVar

from bench.page import put
from bench.peers.chart import Bar, Panel, drawn
from bench.peers.measured import Measured
from bench.peers.speed import Speed
from bench.product import ROOT

CHART = ROOT / "docs" / "peers.svg"
T = TypeVar("T")


class Report:
    """`titles`: of the engines, by name, in the order of the tables."""

    def __init__(self, measured: Measured, titles: Mapping[str, str]) -> None:
        self._measured = measured
        self._titles = titles

    def write(self) -> None:
        put("peers", self.markdown())
        if self._measured.speeds:
            CHART.write_text(self._chart())

    def markdown(self) -> str:
        chart = "![The same as bars](peers.svg)"
        parts = [self._speed(), chart, self._ratios()] if self._measured.speeds else []
        parts += [self._survived()] if self._measured.survived else []
        parts += [self._memory()] if self._measured.memories else []
        parts += [self._machines()]
        return "\n\n".join(parts)

    def _speed(self) -> str:
        extent = self._measured.extent
        said = (
            f"The engines took turns in {extent['rounds']:.0f} rounds:"
            f" {extent['samples']:.0f} processes a round by one client,"
            f" then {extent['seconds']:.0f} s with {extent['clients']:.0f}."
            " Rates are medians, with the lowest and the highest round."
        )
        heads = [
            "",
            "decision → welcome mail, p50 · p99 ms",
            "decision → answer, p50 · p99 ms",
            "begin → invitation mail, p50 ms",
            f"processes a second, {extent['clients']:.0f} clients",
        ]
        rows = []
        for name, speed in self._shown(self._measured.speeds):
            rate = f"{_rate(speed):.0f} [{min(speed.rates):.0f}–{max(speed.rates):.0f}]"
            invited = f"{statistics.median(speed.invited):.0f}"
            rows.append([self._titles[name], _both(speed.welcomed), _both(speed.answered), invited, rate])
        return f"{said}\n\n{_table(heads, rows)}"

    def _ratios(self) -> str:
        speeds = self._measured.speeds
        compared = [name for name in ("ours", "bare") if name in speeds]
        heads = ["as a multiple of"]
        heads += [f"{what}, {_SHORT[other]}" for other in compared for what in ("decision → welcome mail", "rate")]
        rows = []
        for name, speed in self._shown(speeds):
            ratios = []
            for other in compared:
                ratios.append(statistics.median(speed.welcomed) / statistics.median(speeds[other].welcomed))
                ratios.append(_rate(speed) / _rate(speeds[other]))
            rows.append([self._titles[name], *(f"{ratio:.2f}" for ratio in ratios)])
        return _table(heads, rows)

    def _survived(self) -> str:
        rows = [
            [
                self._titles[name],
                f"{survived.kills}",
                f"{survived.mails:,}",
                f"{survived.lost}",
                f"{survived.doubled}",
                f"{survived.longest_unnoted:.0f} ms" if survived.doubled else "",
            ]
            for name, survived in self._shown(self._measured.survived)
        ]
        heads = ["", "kills of the worker", "mails due", "lost", "doubled", "taken in before the kill, at most"]
        return f"{_KILLED}\n\n{_table(heads, rows)}"

    def _memory(self) -> str:
        rows = []
        for name, memory in self._shown(self._measured.memories):
            servers = [server for server in memory.after if server != "worker"]
            needs = ", ".join(
                f"{server} {memory.before[server]:.0f} → {memory.after[server]:.0f}" for server in servers
            )
            worker = f"{memory.before['worker']:.0f} → {memory.after['worker']:.0f}"
            rows.append([self._titles[name], f"{memory.waiting:,}", worker, needs or "–"])
        heads = ["", "processes waiting", "worker", "besides Postgres"]
        return f"{_WAITING}\n\n{_table(heads, rows)}"

    def _chart(self) -> str:
        speeds = self._shown(self._measured.speeds)
        panels = [
            Panel(
                "From the decision to the welcome mail, ms: p50, and p99 as a line",
                [Bar(self._titles[name], *_cuts(speed.welcomed)) for name, speed in speeds],
            ),
            Panel(
                f"Whole processes a second, {self._measured.extent['clients']:.0f} clients",
                [Bar(self._titles[name], _rate(speed)) for name, speed in speeds],
            ),
        ]
        return drawn(panels)

    def _machines(self) -> str:
        """On what each part was measured; once, where it was the same."""
        parts: dict[str, list[str]] = {}
        for part, machine in self._measured.machines.items():
            parts.setdefault(machine, []).append(part)
        return "\n".join(f"{', '.join(names).capitalize()}: {machine}." for machine, names in parts.items())

    def _shown(self, figures: Mapping[str, T]) -> Sequence[tuple[str, T]]:
        return [(name, figures[name]) for name in self._titles if name in figures]


_KILLED = """
The worker was killed (`-9`, all its processes at once) at random moments of the half second after the first mail of
each of its lives, two processes being begun in each; whatever had been begun was given time to end. What is doubled
are copies with the same Message-ID, and the last column is how long before the kill the mail server had taken in the
first one: within that time its sender had not yet written down that it was sent.
""".strip()
_WAITING = """
Memory in MB, with one process that waits and with as many as came to wait in the time that each engine had for it.
""".strip()
_SHORT = {"ours": "to ours", "bare": "to the bare workflow"}


def _rate(speed: Speed) -> float:
    return statistics.median(speed.rates)


def _cuts(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    return statistics.median(values), statistics.quantiles(values, n=100, method="inclusive")[98]


def _both(values: Sequence[float]) -> str:
    median, highest = _cuts(values)
    return f"{median:.0f} · {highest:.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
