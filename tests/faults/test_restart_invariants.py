"""The checker of the restarts' fault runs sees what it is there to see: each ledger falsified in turn."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.client import Operation
from tests.faults.ledgers import Entry, Letter, Procedure, Run, Taken
from tests.faults.restart_evidence import Restarted, RestartEvidence
from tests.faults.restart_invariants import STORIES, expected_mails, violations

NEAR = datetime(2026, 11, 21, 9, tzinfo=UTC)
FAR = NEAR + timedelta(hours=1)
RESTART = "restart-T8200001-000000010000"
_ACTS = ("schedule", "replace")
Falsify = Callable[[RestartEvidence], object]


def sound() -> RestartEvidence:
    """A restart that was scheduled anew, and carried out at its second slot."""
    one = Restarted("job", _ACTS, "T8200001", FAR, NEAR, "contact")
    letters = [
        Letter(f"<{n}>", RESTART, template, to, "sent", n)
        for n, (template, to) in enumerate(expected_mails(one).elements())
    ]
    return RestartEvidence(
        [one],
        restarts={
            "job": [
                {"utm_id": "1", "state": "replaced", "at": FAR, "restart_id": "a"},
                {"utm_id": "1", "state": "succeeded", "at": NEAR, "restart_id": "b"},
            ]
        },
        performed={"job": ["b"]},
        operations=[Operation("job", act, ["202"], 202, {}) for act in _ACTS],
        procedures=[Procedure(RESTART, "1", "succeeded", has_ended=True, needs_operator=False)],
        entries=[Entry(RESTART, what, f"{n}", RESTART, NEAR) for n, what in enumerate(STORIES["succeeded"])],
        letters=letters,
        runs=[Run(RESTART, "1", "COMPLETED", "succeeded", ("schedule", "replace", "started"), ())],
        taken=[Taken(letter.message_id, letter.recipient, is_ambiguous=False) for letter in letters],
        untouched=("same", "same"),
    )


FALSIFIED: dict[str, Falsify] = {
    "performed twice": lambda evidence: evidence.performed["job"].append("b"),
    "never performed": lambda evidence: evidence.performed["job"].clear(),
    "the replaced one performed": lambda evidence: evidence.performed.update(job=["a"]),
    "restart lost": lambda evidence: evidence.restarts["job"].pop(),
    "not replaced": lambda evidence: evidence.restarts["job"][0].update(state="scheduled"),
    "failed": lambda evidence: evidence.restarts["job"][1].update(state="failed"),
    "at another slot": lambda evidence: evidence.restarts["job"][1].update(at=FAR),
    "step lost": lambda evidence: evidence.entries.pop(2),
    "step twice": lambda evidence: evidence.entries.append(evidence.entries[2]),
    "out of order": lambda evidence: evidence.entries.insert(0, evidence.entries.pop(4)),
    "mail lost": lambda evidence: evidence.taken.pop(),
    "mail never written": lambda evidence: evidence.letters.pop(),
    "mail doubled": lambda evidence: evidence.taken.append(evidence.taken[0]),
    "refused": lambda evidence: setattr(evidence.operations[1], "status", 422),
    "second run": lambda evidence: evidence.runs.append(replace(evidence.runs[0], run_id="2")),
}


def test_a_sound_run_has_no_violations() -> None:
    assert violations(sound()) == []


@pytest.mark.parametrize("falsify", FALSIFIED.values(), ids=FALSIFIED)
def test_each_falsified_ledger_is_found(falsify: Falsify) -> None:
    """A restart performed twice, or never, or one that was replaced, and everything else that must not be."""
    evidence = copy.deepcopy(sound())
    falsify(evidence)
    assert violations(evidence) != []
