"""The table of what was injected and what survived."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.invariants import concerning
from tests.faults.kills import Injection
from tests.faults.ledgers import Ledgers
from tests.faults.site import EVERYTHING, PARTS
from tests.faults.violation import Violation

_COLUMNS = (*PARTS, EVERYTHING)


@dataclass
class Findings:
    """Of one lane. It has passed when nothing is wrong."""

    lane: str
    injections: list[Injection] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    """Of a table of its own, where it injects something else than a kill at a moment."""
    facts: list[str] = field(default_factory=list)
    """What was measured, in sentences."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    is_listed: bool = False
    """What was injected has a row each, because it is no part that was killed."""

    @property
    def passed(self) -> bool:
        return not self.wrong

    def judge(self, evidence: Ledgers, found: Sequence[Violation]) -> None:
        """Hold the jobs against the injections that met them."""
        self.wrong += [str(violation) for violation in found]
        for injection in self.injections:
            self.wrong += [f"{injection.part}, {injection.moment}: {trouble}" for trouble in injection.trouble]
            injection.survived = _survivors(injection, found, evidence)


def _survivors(injection: Injection, found: Sequence[Violation], evidence: Ledgers) -> int:
    if injection.trouble:
        return 0
    return sum(not concerning(job, found, evidence) for job in injection.jobs)


def told(findings: Findings) -> str:
    """The table of the lane's kind."""
    return listed(findings.injections) if findings.is_listed else table(findings.injections)


def listed(injections: Sequence[Injection]) -> str:
    """A row per fault: where it met the jobs, how many met it and came through, seconds until all was well after it."""
    rows = [("fault", "injected", "survived", "well after")]
    rows.append(("-" * 36, "-" * 44, "-" * 8, "-" * 10))
    for one in injections:
        well = "" if one.back_after is None else f"{one.back_after:.1f} s"
        rows.append((one.part, one.moment, f"{one.survived}/{len(one.jobs)}", well))
    return "\n".join(
        f"| {fault:<36} | {moment:<44} | {survived:<8} | {well:<10} |" for fault, moment, survived, well in rows
    )


def table(injections: Iterable[Injection]) -> str:
    """A row per moment, a column per part: jobs that survived of those that were hit, seconds until all was back."""
    rows: dict[tuple[int, str], dict[str, Injection]] = {}
    for injection in injections:
        rows.setdefault((injection.number, injection.moment), {})[injection.part] = injection
    lines = [_line("", "killed at this moment", [part.removesuffix(" 1") for part in _COLUMNS])]
    lines.append(_line("--", "-" * 44, ["-" * 12] * len(_COLUMNS)))
    for (number, moment), by_part in sorted(rows.items()):
        lines.append(_line(str(number), moment, [_cell(by_part.get(part)) for part in _COLUMNS]))
    return "\n".join(lines)


def _cell(injection: Injection | None) -> str:
    if injection is None:
        return ""
    back = "never" if injection.back_after is None else f"{injection.back_after:.1f} s"
    return f"{injection.survived}/{len(injection.jobs)} {back}"


def _line(number: str, moment: str, cells: Sequence[str]) -> str:
    return f"| {number:>2} | {moment:<44} | " + " | ".join(f"{cell:<12}" for cell in cells) + " |"
