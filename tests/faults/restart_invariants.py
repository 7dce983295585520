"""What must hold of restarts, besides what every job must keep."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from tests.faults.invariants import kept
from tests.faults.restart_evidence import Restarted, RestartEvidence
from tests.faults.violation import Violation

STORIES = {
    "succeeded": (
        *("restart_scheduled", "restart_scheduled"),
        *("restart_slot_reached", "restart_in_progress", "restart_succeeded"),
    ),
    "missed": ("restart_scheduled", "restart_scheduled", "restart_missed"),
}


def violations(evidence: RestartEvidence) -> list[Violation]:
    checks = (kept, _as_scheduled, _performed_once, _told_in_order, _mails)
    return [violation for check in checks for violation in check(evidence)]


def _as_scheduled(evidence: RestartEvidence) -> Iterator[Violation]:
    """The first schedule was replaced, the second came to its end (RST-03, RST-07)."""
    for one in evidence.expected:
        found = [(row["state"], row["at"]) for row in evidence.restarts.get(one.job, [])]
        if found != [("replaced", one.far), (one.ended, one.near)]:
            yield Violation("restarts", one.job, f"has the restarts {found}")


def _performed_once(evidence: RestartEvidence) -> Iterator[Violation]:
    """By the device, and only the one that was not replaced or missed (RST-05)."""
    for one in evidence.expected:
        wanted = [row["restart_id"] for row in evidence.restarts.get(one.job, []) if row["state"] == "succeeded"]
        if (performed := evidence.performed.get(one.job, [])) != wanted:
            yield Violation("devices", one.job, f"has restarted by {performed}, and was to by {wanted}")


def _told_in_order(evidence: RestartEvidence) -> Iterator[Violation]:
    told = sorted((entry for entry in evidence.entries if entry.step), key=lambda entry: entry.procedure_id)
    stories = {
        procedure_id: tuple(entry.what for entry in entries if not entry.what.startswith("mail_"))
        for procedure_id, entries in groupby(told, key=lambda entry: entry.procedure_id)
    }
    for one in evidence.expected:
        mine = [story for name, story in stories.items() if f"-{one.tenant_id}-" in name]
        if mine != [STORIES[one.ended]]:
            yield Violation("timeline", one.job, f"tells {mine}")


def _mails(evidence: RestartEvidence) -> Iterator[Violation]:
    jobs = evidence.jobs()
    sent: dict[str | None, Counter[tuple[str, str]]] = {}
    for letter in evidence.letters:
        sent.setdefault(jobs.get(letter.procedure_id), Counter())[letter.template, letter.recipient] += 1
    for one in evidence.expected:
        found = sent.pop(one.job, Counter())
        if found != (wanted := expected_mails(one)):
            yield Violation("mails", one.job, f"lacks {wanted - found}, has too many of {found - wanted}")
    for job, mails in sent.items():
        yield Violation("mails", job or "nobody", f"has {mails}")


def expected_mails(one: Restarted) -> Counter[tuple[str, str]]:
    """(template, recipient) of everything that it has sent."""
    mails = Counter({("utm_restart_scheduled", one.contact): 2})
    if one.ended == "missed":
        mails["utm_restart_missed", one.contact] += 1
    return mails
