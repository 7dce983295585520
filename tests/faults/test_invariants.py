"""The checker of the fault runs sees what it is there to see: each ledger falsified in turn."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.client import Operation
from tests.faults.evidence import Application, Customer, Evidence, Expected, User
from tests.faults.invariants import concerning
from tests.faults.ledgers import Entry, Letter, Procedure, Run, Taken
from tests.faults.main_invariants import violations
from tests.faults.site import TENANT
from tests.world import NOTIFIED

APPLICATION = f"service-application-{TENANT}-AAP-00000001"
REGISTERED = f"signup-{TENANT}-AA000001"
LINGERING = f"signup-{TENANT}-AA000002"
Falsification = Callable[[Evidence], None]
FALSIFICATIONS: list[Falsification] = []
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
EXPIRES = NOW + timedelta(days=7)
REMINDED = EXPIRES - timedelta(days=3)


def sound() -> Evidence:
    """One job that went as it should, whose second user let the signup expire after a reminder."""
    acts = ("apply", "confirm", "hold", "approve", "register")
    expected = Expected("job", "applicant", "registers", "lingers", acts, lingering="signup_expired", reminders=(1,))
    answers = {"approve": {"customer_id": "A00000001"}}
    return Evidence(
        expected=[expected],
        operations=[Operation("job", act, ["200"], 200, answers.get(act, {})) for act in acts],
        applications=[Application("AAP-00000001", "approved", "applicant")],
        customers=[Customer("A00000001", "AAP-00000001")],
        users=[
            User("AA000001", "A00000001", "registers", "registered", EXPIRES),
            User("AA000002", "A00000001", "lingers", "signup_expired", EXPIRES),
        ],
        procedures=[
            Procedure(APPLICATION, "AAP-00000001", "approved", has_ended=True, needs_operator=False),
            Procedure(REGISTERED, "AA000001", "registered", has_ended=True, needs_operator=False),
            Procedure(LINGERING, "AA000002", "signup_expired", has_ended=True, needs_operator=False),
        ],
        entries=[
            *entries(APPLICATION, "submitted", "confirmed", "put_on_hold", "approved", of="application"),
            *entries(REGISTERED, "opened", "registered", of="signup"),
            *entries(LINGERING, "opened", of="signup"),
            Entry(LINGERING, "signup_reminder", f"reminder-{REMINDED.isoformat()}-run", "AA000002", REMINDED),
            Entry(LINGERING, "signup_expired", "expire", "AA000002", EXPIRES),
            Entry(LINGERING, "mail_sent", None, "<8>", REMINDED),
        ],
        letters=[
            letter(1, APPLICATION, "application_confirmation", "applicant"),
            letter(2, APPLICATION, "application_completed", "applicant"),
            letter(3, APPLICATION, "application_received", NOTIFIED),
            letter(4, APPLICATION, "application_result", "applicant"),
            letter(5, APPLICATION, "application_decided", NOTIFIED),
            letter(6, REGISTERED, "portal_user_signup", "registers"),
            letter(7, LINGERING, "portal_user_signup", "lingers"),
            letter(8, LINGERING, "signup_reminder", "lingers"),
        ],
        runs=[
            Run(APPLICATION, "1", "COMPLETED", "approved", ("submit", "confirm", "hold", "approve"), ()),
            Run(REGISTERED, "2", "COMPLETED", "registered", ("register",), ()),
            Run(LINGERING, "3", "COMPLETED", "signup_expired", (), ()),
        ],
        taken=[
            Taken(f"<{number}>", recipient, is_ambiguous=False)
            for number, recipient in enumerate(
                ["applicant", "applicant", NOTIFIED, "applicant", NOTIFIED, "registers", "lingers", "lingers"], start=1
            )
        ],
        untouched=("same", "same"),
    )


def entries(procedure_id: str, *whats: str, of: str) -> list[Entry]:
    return [Entry(procedure_id, f"{of}_{what}", what, procedure_id, NOW) for what in whats]


def letter(number: int, procedure_id: str, template: str, recipient: str) -> Letter:
    return Letter(f"<{number}>", procedure_id, template, recipient, "sent", number)


def falsification(falsify: Falsification) -> Falsification:
    FALSIFICATIONS.append(falsify)
    return falsify


@falsification
def lost_row(evidence: Evidence) -> None:
    del evidence.applications[0]


@falsification
def lost_audit_entry(evidence: Evidence) -> None:
    evidence.entries = [entry for entry in evidence.entries if entry.what != "application_put_on_hold"]


@falsification
def answered_customer_is_another(evidence: Evidence) -> None:
    evidence.customers[0] = replace(evidence.customers[0], customer_id="A00000009")


@falsification
def extra_customer(evidence: Evidence) -> None:
    evidence.customers.append(Customer("A00000002", "AAP-00000001"))


@falsification
def extra_application(evidence: Evidence) -> None:
    evidence.applications.append(Application("AAP-00000002", "approved", "applicant"))


@falsification
def application_from_nowhere(evidence: Evidence) -> None:
    evidence.applications.append(Application("AAP-00000002", "unapproved", "stranger"))


@falsification
def extra_user(evidence: Evidence) -> None:
    evidence.users.append(User("AA000003", "A00000001", "registers", "registered", EXPIRES))


@falsification
def registration_undone(evidence: Evidence) -> None:
    evidence.users[0] = replace(evidence.users[0], state="signup_open")


@falsification
def decided_twice(evidence: Evidence) -> None:
    evidence.entries += entries(APPLICATION, "denied", of="application")


@falsification
def step_twice(evidence: Evidence) -> None:
    evidence.entries += entries(REGISTERED, "opened", of="signup")


@falsification
def expired_too_early(evidence: Evidence) -> None:
    evidence.entries[-2] = replace(evidence.entries[-2], at=EXPIRES - timedelta(seconds=1))


@falsification
def reminded_too_early(evidence: Evidence) -> None:
    evidence.entries[-3] = replace(evidence.entries[-3], at=NOW)


@falsification
def workflow_without_row(evidence: Evidence) -> None:
    evidence.runs.append(Run(f"signup-{TENANT}-AA000003", "4", "RUNNING", None, (), ()))


@falsification
def row_without_workflow(evidence: Evidence) -> None:
    del evidence.runs[2]


@falsification
def second_run(evidence: Evidence) -> None:
    evidence.runs.append(replace(evidence.runs[1], run_id="4"))


@falsification
def row_says_otherwise(evidence: Evidence) -> None:
    evidence.procedures[0] = replace(evidence.procedures[0], state="on_hold")


@falsification
def never_ended(evidence: Evidence) -> None:
    evidence.runs[0] = replace(evidence.runs[0], status="RUNNING", result=None)


@falsification
def stands_still(evidence: Evidence) -> None:
    evidence.procedures[0] = replace(evidence.procedures[0], has_ended=False)


@falsification
def waits_for_an_operator(evidence: Evidence) -> None:
    evidence.procedures[0] = replace(evidence.procedures[0], needs_operator=True)


@falsification
def stuck_task(evidence: Evidence) -> None:
    evidence.runs[0] = replace(evidence.runs[0], failed_tasks=("[TMPRL1100] Nondeterminism error",))


@falsification
def update_twice(evidence: Evidence) -> None:
    evidence.runs[0] = replace(evidence.runs[0], accepted_updates=("submit", "approve", "approve"))


@falsification
def mail_never_written(evidence: Evidence) -> None:
    del evidence.letters[3]


@falsification
def reminded_twice(evidence: Evidence) -> None:
    evidence.letters.append(replace(evidence.letters[-1], message_id="<9>", sequence=9))
    evidence.taken.append(Taken("<9>", "lingers", is_ambiguous=False))


@falsification
def mail_never_arrived(evidence: Evidence) -> None:
    del evidence.taken[3]


@falsification
def mail_not_sent(evidence: Evidence) -> None:
    evidence.letters[3] = replace(evidence.letters[3], state="sending")


@falsification
def doubled_mail(evidence: Evidence) -> None:
    evidence.taken.append(evidence.taken[3])


@falsification
def mail_noted_twice(evidence: Evidence) -> None:
    evidence.entries.append(evidence.entries[-1])


@falsification
def second_letter(evidence: Evidence) -> None:
    evidence.letters.append(replace(evidence.letters[3], message_id="<9>", sequence=9))
    evidence.taken.append(Taken("<9>", "applicant", is_ambiguous=False))


@falsification
def unknown_mail(evidence: Evidence) -> None:
    evidence.taken.append(Taken("<9>", "applicant", is_ambiguous=False))


@falsification
def mail_to_somebody_else(evidence: Evidence) -> None:
    evidence.taken[3] = replace(evidence.taken[3], recipient="stranger")


@falsification
def mails_out_of_order(evidence: Evidence) -> None:
    evidence.taken[1], evidence.taken[3] = evidence.taken[3], evidence.taken[1]


@falsification
def no_final_answer(evidence: Evidence) -> None:
    evidence.operations[2].status = None


@falsification
def error_on_the_way(evidence: Evidence) -> None:
    evidence.operations[2].faults.append("500: oops")


@falsification
def never_asked(evidence: Evidence) -> None:
    del evidence.operations[2]


@falsification
def refused_what_must_succeed(evidence: Evidence) -> None:
    evidence.operations[2].status = 409


@falsification
def refused_with_effect(evidence: Evidence) -> None:
    evidence.operations.append(Operation("job", "deny", ["409"], 409, {"state": "approved"}))
    evidence.entries += entries(APPLICATION, "denied", of="application")


@falsification
def refused_with_a_wrong_state(evidence: Evidence) -> None:
    evidence.operations.append(Operation("job", "deny", ["409"], 409, {"state": "unapproved"}))


@falsification
def other_tenant_changed(evidence: Evidence) -> None:
    evidence.untouched = ("same", "other")


def test_a_sound_run_has_no_violations() -> None:
    """What went well is not suspected, copies after a broken conversation included."""
    evidence = sound()
    evidence.taken[3] = replace(evidence.taken[3], is_ambiguous=True)
    evidence.taken.append(replace(evidence.taken[3], is_ambiguous=False))
    assert violations(evidence) == []


@pytest.mark.parametrize("falsify", FALSIFICATIONS, ids=lambda falsify: falsify.__name__)
def test_each_falsified_ledger_is_found(falsify: Falsification) -> None:
    """A lost row, a doubled mail, an extra customer, and everything else that must not be."""
    evidence = copy.deepcopy(sound())
    falsify(evidence)
    assert violations(evidence) != []


def test_a_violation_is_charged_to_its_job() -> None:
    """Whatever id it names: the job's own, a procedure's, or a mail's."""
    evidence = sound()
    doubled_mail(evidence)
    waits_for_an_operator(evidence)
    found = violations(evidence)
    assert len(concerning("job", found, evidence)) == len(found) == 2
    assert concerning("another job", found, evidence) == []
