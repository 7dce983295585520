"""How many incompatible changes of the workflows' code the kept histories notice: `make replay-mutants`.

Each change runs in a process of its own, which is ended when it takes too long: some changed workflows never come to
an end. Ends with 1 when too few are noticed, or one that is not has no reason in `tests/replay/survivors.py`.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from temporalio.client import WorkflowHistory

from tests.replay import corpus, mutants
from tests.replay.mutants import Mutant
from tests.replay.mutations import mutants as mutants_of
from tests.replay.survivors import REASONS
from tests.world import settings_of_tests
from workflows.recurrences import RecurrencesOnTheWorldClock
from workflows.registry import WORKFLOWS
from workflows.replaying import make_replayer

_SHARED = tuple(
    f"workflows.{name}" for name in ("procedure", "approval", "contract_errands", "operator_notices", "nudge")
)
"""Modules of no workflow's own, in which steps are taken."""
LEAST = 0.95
LONGEST = 60  # seconds for one change; unchanged code must need far less
_FAR_LESS = 0.25
_UNNOTICED, _NOTICED = 0, 3
_FORKING = multiprocessing.get_context("fork")


@dataclass
class Tally:
    """Of one module. `survivors`: what nobody noticed."""

    mutants: int = 0
    survivors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    is_noticed: bool
    took: float
    """Seconds."""


def modules() -> list[str]:
    own = {kind.__module__ for kind in WORKFLOWS if kind is not RecurrencesOnTheWorldClock}
    return [*sorted(own), *_SHARED]


def histories(kinds: Collection[str]) -> list[WorkflowHistory]:
    """Those of these workflows; of all where there are none. The longest first: they notice most."""
    kept = [corpus.read(place) for place in corpus.places() if not kinds or place.parent.name in kinds]
    return sorted(kept, key=lambda history: -len(history.events))


async def _replay(mutant: Mutant, kept: Sequence[WorkflowHistory]) -> None:
    """Leaves the process as soon as one of them does not go on with the changed code."""
    with mutants.applied(mutant) as workflows:
        replayer = make_replayer(workflows, settings_of_tests().payload_cipher())
        async with replayer.workflow_replay_iterator(_each(kept)) as results:
            async for result in results:
                if result.replay_failure is not None:
                    _leave(_NOTICED)  # at once: what loops would not let go


async def _each(kept: Sequence[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in kept:
        yield history


def verdicts(tried: Sequence[Mutant], kept: Sequence[WorkflowHistory], *, at_once: int) -> Iterator[Verdict]:
    """Each in a process of its own, so many at a time."""
    waiting, running = list(tried), dict[int, tuple[BaseProcess, Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < at_once:
            mutant = waiting.pop(0)
            process: BaseProcess = _FORKING.Process(target=_try, args=(mutant, kept))
            process.start()
            running[process.sentinel] = process, mutant, time.monotonic()
        wait(list(running), timeout=0.2)
        for sentinel, (process, mutant, began) in list(running.items()):
            took = time.monotonic() - began
            if process.is_alive() and took < LONGEST:
                continue
            process.kill()
            process.join()
            del running[sentinel]
            yield Verdict(mutant, process.exitcode != _UNNOTICED, took)


def _try(mutant: Mutant, kept: Sequence[WorkflowHistory]) -> None:
    """In the new process. What it logs nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    logging.disable()
    try:
        asyncio.run(_replay(mutant, kept))
    except BaseException:  # noqa: BLE001 - code that cannot even be loaded is noticed
        _leave(_NOTICED)
    _leave(_UNNOTICED)


def _leave(code: int) -> None:
    os._exit(code)


def score(names: Sequence[str], *, at_once: int) -> dict[str, Tally]:
    """By module.

    Raises:
        RuntimeError: unchanged code fails, or takes too long to tell a change that never ends from a slow machine.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    everyones = histories(())
    [unchanged] = verdicts([Mutant(_SHARED[0], mutants.parsed(_SHARED[0]))], everyones, at_once=1)
    if unchanged.is_noticed or unchanged.took > LONGEST * _FAR_LESS:
        message = f"the code as it is fails or takes too long: {unchanged.took:.0f} s"
        raise RuntimeError(message)
    for module in names:
        tally = tallies[module.removeprefix("workflows.")]
        own = histories({kind.__name__ for kind in WORKFLOWS if kind.__module__ == module})
        methods, functions = _apart(mutants_of(module))
        for verdict in chain(verdicts(methods, own, at_once=at_once), verdicts(functions, everyones, at_once=at_once)):
            tally.mutants += 1
            if not verdict.is_noticed:
                tally.survivors.append(verdict.mutant.change)
    return tallies


def _apart(tried: Sequence[Mutant]) -> tuple[list[Mutant], list[Mutant]]:
    """A workflow's own steps, and those of functions that others call."""
    functions = [mutant for mutant in tried if "." not in mutant.change.split(":")[0]]
    return [mutant for mutant in tried if mutant not in functions], functions


def tell(tallies: dict[str, Tally]) -> bool:
    """Print the table. Whether enough are noticed, and the others have their reasons."""
    print(f"| {'workflow':<24} | {'changes':>7} | {'noticed':>7} | not noticed |\n| --- | ---: | ---: | ---: |")
    for module, tally in tallies.items():
        unnoticed = len(tally.survivors)
        print(f"| {module:<24} | {tally.mutants:>7} | {tally.mutants - unnoticed:>7} | {unnoticed or '':>11} |")
    total, survived = (sum(counted) for counted in zip(*map(_counts, tallies.values()), strict=True))
    print(f"| {'all':<24} | {total:>7} | {total - survived:>7} | {survived:>11} |\n")
    unexplained = []
    for module, tally in tallies.items():
        for change in sorted(tally.survivors):
            reason = REASONS.get((module, change))
            print(f"- {module}, {change}: {reason or 'NO REASON GIVEN'}")
            unexplained += [] if reason else [change]
    print(f"\n{1 - survived / total:.1%} noticed; at least {LEAST:.0%} must be.")
    return survived <= total * (1 - LEAST) and not unexplained


def _counts(tally: Tally) -> tuple[int, int]:
    return tally.mutants, len(tally.survivors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", action="append", choices=modules(), help="only this one; may be given again")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    sys.exit(0 if tell(score(options.module or modules(), at_once=options.at_once)) else 1)


if __name__ == "__main__":
    main()
