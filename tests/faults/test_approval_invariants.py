"""The checker of the approvals' fault runs sees what it is there to see: each ledger falsified in turn."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.utm_memory import Deed
from tests.faults.approval_evidence import ApprovalEvidence, Wish, secrets_in
from tests.faults.approval_invariants import SEEN, expected_mails, story, violations
from tests.faults.approval_job import ENDED_BY_THE_DESK, VIEWER
from tests.faults.client import Operation
from tests.faults.ledgers import Entry, Letter, Procedure, Run, Taken

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TOKEN = "ABCD-EFGH-IJKL-MNOP"
SUPPORT = Wish(
    job="support",
    acts=ENDED_BY_THE_DESK,
    ending="desk",
    tenant_id="T8300001",
    procedure_id="remote-support-T8300001-s1",
    request_id="s1",
    customer_id="A08300001",
    decides="decides@1.example",
    reads="reads@1.example",
    asks="desk@1.example",
)
PC = replace(
    SUPPORT,
    job="viewer",
    acts=("ask", "approve", "enter", "read", "revoke"),
    ending="revoked",
    tenant_id="T8300002",
    procedure_id="viewer-access-T8300002-v1",
    request_id="v1",
    customer_id="A08300002",
    decides="decides@2.example",
    reads="reads@2.example",
    asks="person@2.example",
)
_REFUSED = {"enter_again": (409, "token_used"), "read_again": (401, "unauthenticated")}
Falsify = Callable[[ApprovalEvidence], object]


def sound() -> ApprovalEvidence:
    """A session that the desk has ended, and a viewer's access that was revoked."""
    both = (SUPPORT, PC)
    letters = [
        Letter(f"<{one.job}-{n}>", one.procedure_id, template, to, "sent", n)
        for one in both
        for n, (template, to) in enumerate(expected_mails(one).elements())
    ]
    return ApprovalEvidence(
        [*both],
        approvals={one.job: ["approved"] for one in both},
        decisions={one.job: {one.decides: "approve", one.reads: None} for one in both},
        opened={
            "support": [{"request_id": "s1", "state": "ended", "ended_by": "desk", "is_left": False}],
            "viewer": [{"request_id": "v1", "state": "revoked", "ended_by": None, "is_left": False}],
        },
        deeds={"support": [(Deed.SESSION_OPENED, "s1-start-1"), (Deed.SESSION_CLOSED, "s1-stop-1")], "viewer": []},
        told={
            "support": {(address, "password") for address in SUPPORT.confidants},
            "viewer": {(PC.asks, TOKEN)},
        },
        credentials={"viewer": "tzv_T8300002-secret"},
        places={one.procedure_id: {*SEEN} for one in both},
        operations=[
            *[Operation("support", act, ["200"], 200, {}) for act in ENDED_BY_THE_DESK],
            *[_answered(act) for act in VIEWER],
        ],
        procedures=[
            Procedure(one.procedure_id, one.request_id, _state(one), has_ended=True, needs_operator=False)
            for one in both
        ],
        entries=[
            Entry(one.procedure_id, what, f"{n}", one.procedure_id, NOW)
            for one in both
            for n, what in enumerate(story(one))
        ],
        letters=letters,
        runs=[Run(one.procedure_id, "1", "COMPLETED", _state(one), (*one.acts,), ()) for one in both],
        taken=[Taken(letter.message_id, letter.recipient, is_ambiguous=False) for letter in letters],
        untouched=("same", "same"),
    )


def _answered(act: str) -> Operation:
    status, code = _REFUSED.get(act, (200, ""))
    return Operation("viewer", act, [str(status)], status, {"code": code, "company": {"customer_id": PC.customer_id}})


def _state(one: Wish) -> str:
    return "ended" if one.is_support else "revoked"


def _operation(evidence: ApprovalEvidence, act: str) -> Operation:
    return next(operation for operation in evidence.operations if operation.act == act)


def _entry(evidence: ApprovalEvidence, what: str) -> int:
    return next(n for n, entry in enumerate(evidence.entries) if entry.what == what)


FALSIFIED: dict[str, Falsify] = {
    "decided by both": lambda evidence: evidence.decisions["support"].update({SUPPORT.reads: "deny"}),
    "decided by the other": lambda evidence: evidence.decisions.update(viewer={PC.decides: None, PC.reads: "approve"}),
    "approval lost": lambda evidence: evidence.approvals["viewer"].clear(),
    "asked twice": lambda evidence: evidence.approvals["support"].append("pending"),
    "second session": lambda evidence: evidence.opened["support"].append(dict(evidence.opened["support"][0])),
    "session goes on": lambda evidence: evidence.opened["support"][0].update(state="running"),
    "ended by something else": lambda evidence: evidence.opened["support"][0].update(ended_by="duration"),
    "password kept": lambda evidence: evidence.opened["support"][0].update(is_left=True),
    "credential alive": lambda evidence: evidence.opened["viewer"][0].update(is_left=True),
    "access not revoked": lambda evidence: evidence.opened["viewer"][0].update(state="allowed"),
    "opened twice": lambda evidence: evidence.deeds["support"].append((Deed.SESSION_OPENED, "s1-start-2")),
    "opened in vain": lambda evidence: evidence.deeds["support"].insert(1, (Deed.SESSION_REFUSED, "s1-start-1")),
    "never closed": lambda evidence: evidence.deeds["support"].pop(),
    "a device of a viewer's": lambda evidence: evidence.deeds.update(viewer=[(Deed.SESSION_OPENED, "v1-start-1")]),
    "token good twice": lambda evidence: _operation(evidence, "enter_again").answer.clear(),
    "token not tried twice": lambda evidence: evidence.operations.remove(_operation(evidence, "enter_again")),
    "read once revoked": lambda evidence: _operation(evidence, "read_again").answer.clear(),
    "another's data": lambda evidence: _operation(evidence, "read").answer["company"].update(customer_id="A0"),
    "never read": lambda evidence: evidence.operations.remove(_operation(evidence, "read")),
    "step lost": lambda evidence: evidence.entries.pop(_entry(evidence, "remote_support_starting")),
    "step twice": lambda evidence: evidence.entries.append(evidence.entries[_entry(evidence, "viewer_allowed")]),
    "out of order": lambda evidence: evidence.entries.insert(
        0, evidence.entries.pop(_entry(evidence, "remote_support_ended"))
    ),
    "refused": lambda evidence: setattr(_operation(evidence, "end"), "status", 409),
    "mail lost": lambda evidence: evidence.taken.pop(),
    "mail never written": lambda evidence: evidence.letters.pop(),
    "mail doubled": lambda evidence: evidence.taken.append(evidence.taken[0]),
    "mail unsent": lambda evidence: evidence.letters.append(replace(evidence.letters.pop(), state="skipped")),
    "password untold": lambda evidence: evidence.told["support"].remove((SUPPORT.asks, "password")),
    "two passwords": lambda evidence: evidence.told["support"].add((SUPPORT.reads, "another")),
    "token told to another": lambda evidence: evidence.told["viewer"].add((PC.decides, TOKEN)),
    "the password of another": lambda evidence: evidence.credentials.update(viewer="password"),
    "password in a log": lambda evidence: evidence.places.update(password={"logs"}),
    "token in a payload": lambda evidence: evidence.places.update({TOKEN: {"payloads"}}),
    "token without hyphens": lambda evidence: evidence.places.update({TOKEN.replace("-", ""): {"tables"}}),
    "credential in a table": lambda evidence: evidence.places.update({"tzv_T8300002-secret": {"tables"}}),
    "nothing searched": lambda evidence: evidence.places.clear(),
    "attention": lambda evidence: evidence.procedures.append(replace(evidence.procedures.pop(), needs_operator=True)),
    "second run": lambda evidence: evidence.runs.append(replace(evidence.runs[0], run_id="2")),
}


def test_a_sound_run_has_no_violations() -> None:
    assert violations(sound()) == []


@pytest.mark.parametrize("falsify", FALSIFIED.values(), ids=FALSIFIED)
def test_each_falsified_ledger_is_found(falsify: Falsify) -> None:
    """A second decision, session or use of a token, a secret somewhere, and everything else that must not be."""
    evidence = copy.deepcopy(sound())
    falsify(evidence)
    assert violations(evidence) != []


def test_the_secrets_of_mails_are_read_from_them() -> None:
    assert secrets_in(f"パスワード：pass9\n認証トークン：{TOKEN}\n") == ["pass9", TOKEN]
