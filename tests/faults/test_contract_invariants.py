"""The checker of the contracts' fault runs sees what it is there to see: each ledger falsified in turn."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.faults.client import Operation
from tests.faults.contract_evidence import ContractEvidence, Undone
from tests.faults.contract_invariants import CONTRACT_STORY, KIT_STORY, expected_mails, violations
from tests.faults.ledgers import Entry, Letter, Procedure, Run, Taken

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
CONTRACT, KIT = "contract-T8100001-A-S00000001", "return-kit-T8100001-A-S00000001-0000007b98a1-20261120"
_UTM = "0000007b98a1"
_ACTS = ("apply", "cancel", "send", "undo")
Falsify = Callable[[ContractEvidence], object]


def sound() -> ContractEvidence:
    """A contract that was cancelled, ended and undone as it should."""
    one = Undone(
        job="job",
        acts=_ACTS,
        tenant_id="T8100001",
        number="A-S00000001",
        utm_id=_UTM,
        staff="staff",
        contact="contact",
        applied={"term_end_date": "2027-11-19"},
    )
    row = {"status": "active", "cancellation_date": None, "fee_charged": False, "fee": None, "ended_at": None}
    mails = enumerate(sorted(expected_mails(one)))
    letters = [
        Letter(f"<{n}>", KIT if to == "contact" else CONTRACT, template, to, "sent", n) for n, (template, to) in mails
    ]
    return ContractEvidence(
        [one],
        contracts={"job": [{**row, "term_number": 0, "term_end_date": date(2027, 11, 19)}]},
        kits={"job": [{"utm_id": _UTM, "state": "recalled", "sendings": 1, "waived": False}]},
        parcels={"job": [{"kind": "return_kit", "state": "shipped", "number": 1}]},
        charges={
            "job": [
                {"kind": "cancellation_fee", "amount": 33_000, "reversed": True},
                {"kind": "non_return", "amount": 50_000, "reversed": True},
            ]
        },
        operations=[Operation("job", act, ["200"], 200, {}) for act in _ACTS],
        procedures=[
            Procedure(CONTRACT, "A-S00000001", "active", has_ended=False, needs_operator=False),
            Procedure(KIT, "A-S00000001", "recalled", has_ended=True, needs_operator=False),
        ],
        entries=[
            Entry(procedure_id, what, what, procedure_id, NOW)
            for procedure_id, story in ((CONTRACT, CONTRACT_STORY), (KIT, KIT_STORY))
            for what in story
        ],
        letters=letters,
        runs=[
            Run(CONTRACT, "1", "RUNNING", None, ("applied", "cancel", "undo"), ()),
            Run(KIT, "2", "COMPLETED", "recalled", ("report",), ()),
        ],
        taken=[Taken(letter.message_id, letter.recipient, is_ambiguous=False) for letter in letters],
        untouched=("same", "same"),
    )


def _second_mail(evidence: ContractEvidence) -> None:
    evidence.letters.append(replace(evidence.letters[0], message_id="<9>", sequence=9))
    evidence.taken.append(Taken("<9>", evidence.letters[0].recipient, is_ambiguous=False))


FALSIFIED: dict[str, Falsify] = {
    "still cancelled": lambda evidence: evidence.contracts["job"][0].update(status="cancelled"),
    "half undone": lambda evidence: evidence.contracts["job"][0].update(ended_at=NOW),
    "another term": lambda evidence: evidence.contracts["job"][0].update(term_end_date=date(2027, 12, 19)),
    "contract lost": lambda evidence: evidence.contracts.clear(),
    "second kit": lambda evidence: evidence.kits["job"].append(dict(evidence.kits["job"][0])),
    "kit sent twice": lambda evidence: evidence.kits["job"][0].update(sendings=2),
    "kit not recalled": lambda evidence: evidence.kits["job"][0].update(state="unreturned"),
    "second parcel": lambda evidence: evidence.parcels["job"].append(dict(evidence.parcels["job"][0])),
    "second charge": lambda evidence: evidence.charges["job"].append(dict(evidence.charges["job"][1])),
    "charge lost": lambda evidence: evidence.charges["job"].pop(),
    "charge stays": lambda evidence: evidence.charges["job"][1].update(reversed=False),
    "fee stays": lambda evidence: evidence.charges["job"][0].update(reversed=False),
    "step lost": lambda evidence: evidence.entries.pop(2),
    "step twice": lambda evidence: evidence.entries.append(evidence.entries[2]),
    "out of order": lambda evidence: evidence.entries.insert(0, evidence.entries.pop(4)),
    "mail lost": lambda evidence: evidence.taken.pop(),
    "mail never written": lambda evidence: evidence.letters.pop(),
    "mail doubled": lambda evidence: evidence.taken.append(evidence.taken[0]),
    "second mail": _second_mail,
    "never answered": lambda evidence: setattr(evidence.operations[1], "status", None),
    "refused": lambda evidence: setattr(evidence.operations[1], "status", 409),
    "second run": lambda evidence: evidence.runs.append(replace(evidence.runs[1], run_id="3")),
    "kit's workflow lost": lambda evidence: evidence.runs.pop(),
}


def test_a_sound_run_has_no_violations() -> None:
    assert violations(sound()) == []


@pytest.mark.parametrize("falsify", FALSIFIED.values(), ids=FALSIFIED)
def test_each_falsified_ledger_is_found(falsify: Falsify) -> None:
    """A second kit, a second charge, a half undo, and everything else that must not be."""
    evidence = copy.deepcopy(sound())
    falsify(evidence)
    assert violations(evidence) != []
