"""Nothing lost, nothing twice: what must hold between the five ledgers of a run. Pure, so that it can be tested."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from http import HTTPStatus

from tests.faults.client import Outcome
from tests.faults.evidence import Evidence
from tests.faults.facts import Facts, Violation
from tests.faults.mail_invariants import each_mail_once, mails_as_expected, mails_in_order
from tests.faults.site import TENANT

RECORDED_AS = {
    "apply": "application_submitted",
    "confirm": "application_confirmed",
    "hold": "application_put_on_hold",
    "approve": "application_approved",
    "deny": "application_denied",
    "register": "signup_registered",
}
_ONCE_PER_PROCEDURE = frozenset(RECORDED_AS.values()) | {"signup_opened", "signup_expired"}
_REMINDER = re.compile(r"reminder-(\d{4}-\d\d-\d\dT[0-9:.]+[+-]\d\d:\d\d)")
_DECISIONS = frozenset({"application_approved", "application_denied"})


def violations(evidence: Evidence) -> list[Violation]:
    checks = (
        _answered_well,
        _answered_and_recorded,
        _refused_without_effect,
        _refused_with_the_state,
        _one_application_a_job,
        _one_customer_an_approval,
        _every_user_as_expected,
        _each_step_recorded_once,
        _nothing_before_its_time,
        _procedures_and_workflows_are_one_to_one,
        _every_procedure_at_rest,
        _no_update_twice,
        _no_task_failed,
        mails_as_expected,
        each_mail_once,
        mails_in_order,
        _the_other_tenant_is_untouched,
    )
    return [violation for check in checks for violation in check(evidence)]


def _answered_well(evidence: Evidence) -> Iterator[Violation]:
    """Every wish got a final answer, no answer was one that no outage excuses, and what had to succeed did."""
    needed = {(expected.job, act) for expected in evidence.expected for act in expected.acts}
    for operation in evidence.operations:
        if operation.outcome is Outcome.UNKNOWN:
            yield Violation("answered", operation.job, f"{operation.act} has no final answer: {operation.tries}")
        for fault in operation.faults:
            yield Violation("answered", operation.job, f"{operation.act}: {fault}")
        if operation.outcome is Outcome.REFUSED and (operation.job, operation.act) in needed:
            yield Violation("answered", operation.job, f"{operation.act} was refused: {operation.tries}")
    given = {(operation.job, operation.act) for operation in evidence.operations}
    for job, act in sorted(needed - given):
        yield Violation("answered", job, f"{act} was never asked for")


def _answered_and_recorded(evidence: Evidence) -> Iterator[Violation]:
    """Nothing that was answered well is lost."""
    facts = Facts(evidence)
    for operation in evidence.operations:
        if operation.outcome is not Outcome.OK:
            continue
        recorded = [what for _, what in facts.of_job(operation.job)]
        if RECORDED_AS[operation.act] not in recorded:
            yield Violation("lost", operation.job, f"{operation.act} was answered and is not in the audit log")
        answered = operation.answer.get("customer_id")
        if operation.act == "approve" and answered not in facts.customers_of_job(operation.job):
            yield Violation("lost", operation.job, f"the answered customer {answered} is not there")


def _refused_without_effect(evidence: Evidence) -> Iterator[Violation]:
    facts = Facts(evidence)
    for operation in evidence.operations:
        if operation.outcome is not Outcome.REFUSED:
            continue
        recorded = [what for _, what in facts.of_job(operation.job)]
        if RECORDED_AS[operation.act] in recorded and not _succeeded_otherwise(evidence, operation.job, operation.act):
            yield Violation("refused", operation.job, f"{operation.act} was refused and is in the audit log")


def _refused_with_the_state(evidence: Evidence) -> Iterator[Violation]:
    """A 409 tells the state that the application has in the end."""
    facts = Facts(evidence)
    for operation in evidence.operations:
        if operation.status == HTTPStatus.CONFLICT and operation.answer.get("state") != facts.state_of_job(
            operation.job
        ):
            yield Violation("refused", operation.job, f"{operation.act} was told {operation.answer.get('state')}")


def _succeeded_otherwise(evidence: Evidence, job: str, act: str) -> bool:
    return any(
        operation.job == job and operation.act == act and operation.outcome is Outcome.OK
        for operation in evidence.operations
    )


def _one_application_a_job(evidence: Evidence) -> Iterator[Violation]:
    by_applicant = Counter(application.applicant for application in evidence.applications)
    for expected in evidence.expected:
        found = by_applicant.pop(expected.applicant, 0)
        if found != 1:
            yield Violation("applications", expected.job, f"has {found} applications")
    for applicant in by_applicant:
        yield Violation("applications", applicant, "has an application that nobody sent")
    for application in evidence.applications:
        job = next((one for one in evidence.expected if one.applicant == application.applicant), None)
        if job is not None and application.state not in job.decision:
            yield Violation("applications", job.job, f"is {application.state}, not {' or '.join(job.decision)}")


def _one_customer_an_approval(evidence: Evidence) -> Iterator[Violation]:
    by_application = Counter(customer.application_number for customer in evidence.customers)
    for application in evidence.applications:
        wanted = 1 if application.state == "approved" else 0
        found = by_application.pop(application.number, 0)
        if found != wanted:
            job = evidence.job_of_application(application.number)
            yield Violation("customers", job or application.number, f"has {found} customers")
    for number in by_application:
        yield Violation("customers", number, "has a customer and no application")
    decisions = Counter(entry.procedure_id for entry in evidence.entries if entry.what in _DECISIONS)
    for procedure_id, count in decisions.items():
        if count > 1:
            yield Violation("decisions", procedure_id, f"was decided {count} times")


def _every_user_as_expected(evidence: Evidence) -> Iterator[Violation]:
    by_address: dict[str, list[str]] = {}
    for user in evidence.users:
        by_address.setdefault(user.mail_address, []).append(user.state)
    states = {application.applicant: application.state for application in evidence.applications}
    for expected in evidence.expected:
        registered = "registered" if "register" in expected.acts else "signup_open"
        approved = states.get(expected.applicant) == "approved"
        for address, state in ((expected.registers, registered), (expected.lingers, expected.lingering)):
            wanted = [state] if approved else []
            if (found := by_address.pop(address, [])) != wanted:
                yield Violation("users", expected.job, f"{address} is {found}, not {wanted}")
    for address in by_address:
        yield Violation("users", address, "is a user that nobody named")


def _each_step_recorded_once(evidence: Evidence) -> Iterator[Violation]:
    steps = Counter((entry.procedure_id, entry.step) for entry in evidence.entries if entry.step is not None)
    whats = Counter((entry.procedure_id, entry.what) for entry in evidence.entries if entry.what in _ONCE_PER_PROCEDURE)
    mails = Counter((entry.subject, entry.what) for entry in evidence.entries if entry.what == "mail_sent")
    for counted in (steps, whats, mails):
        for (procedure_id, name), count in counted.items():
            if count > 1:
                yield Violation("audit", procedure_id, f"{name} is recorded {count} times")


def _nothing_before_its_time(evidence: Evidence) -> Iterator[Violation]:
    expiries = {f"signup-{TENANT}-{user.user_id}": user.expires_at for user in evidence.users}
    for entry in evidence.entries:
        due = None
        if entry.what == "signup_expired":
            due = expiries.get(entry.procedure_id)
        elif match := _REMINDER.match(entry.step or ""):
            due = datetime.fromisoformat(match.group(1))
        if due is not None and entry.at < due:
            yield Violation("too early", entry.procedure_id, f"{entry.what} at {entry.at}, due at {due}")


def _procedures_and_workflows_are_one_to_one(evidence: Evidence) -> Iterator[Violation]:
    if not evidence.engine_lists:
        return
    rows = {procedure.procedure_id: procedure for procedure in evidence.procedures}
    runs = Counter(run.workflow_id for run in evidence.runs)
    for workflow_id, count in runs.items():
        if count > 1:
            yield Violation("workflows", workflow_id, f"ran {count} times")
    for procedure_id in rows.keys() ^ runs.keys():
        missing = "a workflow and no row" if procedure_id in runs else "a row and no workflow"
        yield Violation("workflows", procedure_id, f"has {missing}")
    for run in evidence.runs:
        row = rows.get(run.workflow_id)
        if row is not None and run.result not in {None, row.state}:
            yield Violation("workflows", run.workflow_id, f"ended as {run.result}, its row says {row.state}")
        if row is not None and row.has_ended != (run.status == "COMPLETED"):
            yield Violation("workflows", run.workflow_id, f"is {run.status}, its row says {row.state}")


def _every_procedure_at_rest(evidence: Evidence) -> Iterator[Violation]:
    for procedure in evidence.procedures:
        if procedure.needs_operator:
            yield Violation("rest", procedure.procedure_id, "waits for an operator")
        if not procedure.has_ended and procedure.state != "signup_open":
            yield Violation("rest", procedure.procedure_id, f"stands still as {procedure.state}")


def _no_update_twice(evidence: Evidence) -> Iterator[Violation]:
    for run in evidence.runs:
        for update_id, count in Counter(run.accepted_updates).items():
            if count > 1:
                yield Violation("updates", run.workflow_id, f"took {update_id} {count} times")


def _no_task_failed(evidence: Evidence) -> Iterator[Violation]:
    for run in evidence.runs:
        for why in run.failed_tasks:
            yield Violation("tasks", run.workflow_id, f"a workflow task failed: {why}")


def _the_other_tenant_is_untouched(evidence: Evidence) -> Iterator[Violation]:
    before, after = evidence.untouched
    if before != after:
        yield Violation("tenants", "the other tenant", "has changed")


def concerning(job: str, found: Iterable[Violation], evidence: Evidence) -> list[Violation]:
    """Those about one job or anything that belongs to it."""
    facts = Facts(evidence)
    of_mails = {letter.message_id: facts.job(letter.procedure_id) for letter in evidence.letters}
    return [
        violation
        for violation in found
        if job in {violation.subject, facts.job(violation.subject), of_mails.get(violation.subject)}
    ]
