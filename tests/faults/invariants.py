"""Nothing lost, nothing twice: what must hold between the ledgers of any run. Pure, so that it can be tested."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from tests.faults.client import Operation, Outcome
from tests.faults.ledgers import Ledgers
from tests.faults.mail_invariants import each_mail_once, mails_in_order
from tests.faults.violation import Violation


def kept(evidence: Ledgers) -> Iterator[Violation]:
    """What every kind of job must keep."""
    checks = (
        _answered_well,
        _answered_and_recorded,
        _refused_without_effect,
        _each_step_recorded_once,
        _procedures_and_workflows_are_one_to_one,
        _every_procedure_at_rest,
        _no_update_twice,
        _no_task_failed,
        each_mail_once,
        mails_in_order,
        _the_other_tenant_is_untouched,
    )
    for check in checks:
        yield from check(evidence)


def _answered_well(evidence: Ledgers) -> Iterator[Violation]:
    """Every wish got a final answer, no answer was one that no outage excuses, and what had to succeed did."""
    needed = {(expected.job, act) for expected in evidence.wishes for act in expected.acts}
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


def _answered_and_recorded(evidence: Ledgers) -> Iterator[Violation]:
    """Nothing that was answered well is lost."""
    recorded = _recorded(evidence)
    for operation in evidence.operations:
        what = evidence.recorded_as.get(operation.act)
        if operation.outcome is Outcome.OK and what is not None and what not in recorded[operation.job]:
            yield Violation("lost", operation.job, f"{operation.act} was answered and is not in the audit log")


def _refused_without_effect(evidence: Ledgers) -> Iterator[Violation]:
    recorded = _recorded(evidence)
    for operation in evidence.operations:
        if operation.outcome is not Outcome.REFUSED or _succeeded_otherwise(evidence, operation):
            continue
        if evidence.recorded_as.get(operation.act) in recorded[operation.job]:
            yield Violation("refused", operation.job, f"{operation.act} was refused and is in the audit log")


def _recorded(evidence: Ledgers) -> dict[str | None, set[str]]:
    """What the audit log has of each job."""
    found: dict[str | None, set[str]] = defaultdict(set)
    jobs = evidence.jobs()
    for entry in evidence.entries:
        found[jobs.get(entry.procedure_id)].add(entry.what)
    return found


def _succeeded_otherwise(evidence: Ledgers, refused: Operation) -> bool:
    return any(
        operation.job == refused.job and operation.act == refused.act and operation.outcome is Outcome.OK
        for operation in evidence.operations
    )


def _each_step_recorded_once(evidence: Ledgers) -> Iterator[Violation]:
    steps = Counter((entry.procedure_id, entry.step) for entry in evidence.entries if entry.step is not None)
    whats = Counter((entry.procedure_id, entry.what) for entry in evidence.entries if entry.what in evidence.once)
    mails = Counter((entry.subject, entry.what) for entry in evidence.entries if entry.what == "mail_sent")
    for counted in (steps, whats, mails):
        for (procedure_id, name), count in counted.items():
            if count > 1:
                yield Violation("audit", procedure_id, f"{name} is recorded {count} times")


def _procedures_and_workflows_are_one_to_one(evidence: Ledgers) -> Iterator[Violation]:
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


def _every_procedure_at_rest(evidence: Ledgers) -> Iterator[Violation]:
    for procedure in evidence.procedures:
        if procedure.needs_operator:
            yield Violation("rest", procedure.procedure_id, "waits for an operator")
        if not procedure.has_ended and procedure.state not in evidence.may_rest_as:
            yield Violation("rest", procedure.procedure_id, f"stands still as {procedure.state}")


def _no_update_twice(evidence: Ledgers) -> Iterator[Violation]:
    for run in evidence.runs:
        for update_id, count in Counter(run.accepted_updates).items():
            if count > 1:
                yield Violation("updates", run.workflow_id, f"took {update_id} {count} times")


def _no_task_failed(evidence: Ledgers) -> Iterator[Violation]:
    for run in evidence.runs:
        for why in run.failed_tasks:
            yield Violation("tasks", run.workflow_id, f"a workflow task failed: {why}")


def _the_other_tenant_is_untouched(evidence: Ledgers) -> Iterator[Violation]:
    before, after = evidence.untouched
    if before != after:
        yield Violation("tenants", "the other tenant", "has changed")


def concerning(job: str, found: Iterable[Violation], evidence: Ledgers) -> list[Violation]:
    """Those about one job or anything that belongs to it."""
    jobs = evidence.jobs()
    of_mails = {letter.message_id: jobs.get(letter.procedure_id) for letter in evidence.letters}
    return [
        violation
        for violation in found
        if job in {violation.subject, jobs.get(violation.subject), of_mails.get(violation.subject)}
    ]
