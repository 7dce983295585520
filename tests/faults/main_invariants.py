"""What must hold between the ledgers of main jobs, besides what every job must keep."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus

from tests.faults.client import Outcome
from tests.faults.evidence import Evidence, Expected
from tests.faults.invariants import kept
from tests.faults.site import TENANT
from tests.faults.violation import Violation
from tests.world import NOTIFIED

_REMINDER = re.compile(r"reminder-(\d{4}-\d\d-\d\dT[0-9:.]+[+-]\d\d:\d\d)")
_DECISIONS = frozenset({"application_approved", "application_denied"})


def violations(evidence: Evidence) -> list[Violation]:
    checks = (
        kept,
        _answered_customer_is_there,
        _refused_with_the_state,
        _one_application_a_job,
        _one_customer_an_approval,
        _every_user_as_expected,
        _nothing_before_its_time,
        _mails_as_expected,
    )
    return [violation for check in checks for violation in check(evidence)]


def _answered_customer_is_there(evidence: Evidence) -> Iterator[Violation]:
    for operation in evidence.operations:
        answered = operation.answer.get("customer_id")
        if operation.act != "approve" or operation.outcome is not Outcome.OK:
            continue
        if answered not in evidence.customers_of_job(operation.job):
            yield Violation("lost", operation.job, f"the answered customer {answered} is not there")


def _refused_with_the_state(evidence: Evidence) -> Iterator[Violation]:
    """A 409 tells the state that the application has in the end."""
    for operation in evidence.operations:
        if operation.status == HTTPStatus.CONFLICT and operation.answer.get("state") != evidence.state_of_job(
            operation.job
        ):
            yield Violation("refused", operation.job, f"{operation.act} was told {operation.answer.get('state')}")


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


def _expected_mails(expected: Expected, state: str) -> Counter[tuple[str, str]]:
    """(template, recipient) of everything that a job in its end state has sent."""
    mails: Counter[tuple[str, str]] = Counter()
    mails["application_confirmation", expected.applicant] += 1
    mails["application_completed", expected.applicant] += 1
    mails["application_received", NOTIFIED] += 1
    mails["application_result", expected.applicant] += 1
    mails["application_decided", NOTIFIED] += 1
    if state == "approved":
        mails["portal_user_signup", expected.registers] += 1
        mails["portal_user_signup", expected.lingers] += 1
    return mails


def _mails_as_expected(evidence: Evidence) -> Iterator[Violation]:
    jobs = evidence.jobs()
    sent = Counter((jobs.get(letter.procedure_id), letter.template, letter.recipient) for letter in evidence.letters)
    states = {application.applicant: application.state for application in evidence.applications}
    for expected in evidence.expected:
        for (template, recipient), wanted in _expected_mails(expected, states.get(expected.applicant, "")).items():
            found = sent.pop((expected.job, template, recipient), 0)
            if found != wanted:
                yield Violation("mails", expected.job, f"{found} of {wanted} {template} to {recipient}")
        reminders = sent.pop((expected.job, "signup_reminder", expected.lingers), 0)
        if reminders not in expected.reminders:
            yield Violation("mails", expected.job, f"{reminders} reminders to {expected.lingers}")
    for (job, template, recipient), count in sent.items():
        yield Violation("mails", job or "nobody", f"{count} unexpected {template} to {recipient}")
