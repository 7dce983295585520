"""Every mail that had to be sent, to whom it had to go, once, and in order."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.evidence import Evidence, Expected
from tests.faults.facts import Facts, Violation
from tests.world import NOTIFIED


def expected_mails(expected: Expected, state: str) -> Counter[tuple[str, str]]:
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


def mails_as_expected(evidence: Evidence) -> Iterator[Violation]:
    facts = Facts(evidence)
    sent = Counter((facts.job(letter.procedure_id), letter.template, letter.recipient) for letter in evidence.letters)
    states = {application.applicant: application.state for application in evidence.applications}
    for expected in evidence.expected:
        for (template, recipient), wanted in expected_mails(expected, states.get(expected.applicant, "")).items():
            found = sent.pop((expected.job, template, recipient), 0)
            if found != wanted:
                yield Violation("mails", expected.job, f"{found} of {wanted} {template} to {recipient}")
        reminders = sent.pop((expected.job, "signup_reminder", expected.lingers), 0)
        if reminders not in expected.reminders:
            yield Violation("mails", expected.job, f"{reminders} reminders to {expected.lingers}")
    for (job, template, recipient), count in sent.items():
        yield Violation("mails", job or "nobody", f"{count} unexpected {template} to {recipient}")


def each_mail_once(evidence: Evidence) -> Iterator[Violation]:
    """Each Message-ID once; a copy only for a conversation that broke after the final dot."""
    rows = {letter.message_id: letter for letter in evidence.letters}
    copies = Counter(taken.message_id for taken in evidence.taken)
    excused = Counter(taken.message_id for taken in evidence.taken if taken.is_ambiguous)
    for letter in evidence.letters:
        if letter.state != "sent":
            yield Violation("mails", letter.message_id, f"{letter.template} to {letter.recipient} is {letter.state}")
        if copies[letter.message_id] == 0:
            yield Violation("mails", letter.message_id, f"{letter.template} to {letter.recipient} never arrived")
    for message_id, count in copies.items():
        if count > 1 + excused[message_id]:
            template = rows[message_id].template if message_id in rows else "a mail"
            yield Violation("mails", message_id, f"{template} came {count} times, {excused[message_id]} excused")
    for taken in evidence.taken:
        row = rows.get(taken.message_id)
        if row is None or row.recipient != taken.recipient:
            yield Violation("mails", taken.message_id, f"went to {taken.recipient} and is not in the ledger")


def mails_in_order(evidence: Evidence) -> Iterator[Violation]:
    """To one recipient, a procedure's mails arrive in the order in which they were written."""
    first: dict[str, int] = {}
    for position, taken in enumerate(evidence.taken):
        first.setdefault(taken.message_id, position)
    latest: dict[tuple[str, str], int] = {}
    for letter in sorted(evidence.letters, key=lambda letter: letter.sequence):
        arrived = first.get(letter.message_id, -1)
        before = latest.get((letter.procedure_id, letter.recipient), -1)
        if 0 <= arrived < before:
            yield Violation("order", letter.procedure_id, f"{letter.template} to {letter.recipient} came too early")
        latest[letter.procedure_id, letter.recipient] = max(arrived, before)
