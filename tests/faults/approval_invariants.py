"""What must hold of approvals by mail link, besides what every job must keep."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from local.utm_memory import Deed
from tests.faults.approval_evidence import ApprovalEvidence, Wish
from tests.faults.approval_job import MUST_FAIL
from tests.faults.client import Operation
from tests.faults.disclosures import PAYLOADS, TABLES
from tests.faults.invariants import kept
from tests.faults.violation import Violation

_SUPPORT = (
    *("remote_support_requested", "approver_approved", "remote_support_starting"),
    *("remote_support_device_started", "remote_support_device_succeeded", "remote_support_ended"),
    *("remote_support_device_started", "remote_support_device_succeeded"),
)
_VIEWER = ("viewer_requested", "approver_approved", "viewer_token_sent", "viewer_allowed", "viewer_revoked")
_REFUSALS = {"enter_again": "token_used", "read_again": "unauthenticated"}
SEEN = {TABLES, PAYLOADS, "postgres", "temporal.sqlite"}
"""Where the search must find what is no secret, or it would find no secret either."""


def violations(evidence: ApprovalEvidence) -> list[Violation]:
    checks = (
        *(kept, _decided_once, _opened_once, _performed_once, _refused_afterwards),
        *(_told_in_order, _mails, _secrets_told_once, _secrets_are_nowhere_else),
    )
    return [violation for check in checks for violation in check(evidence)]


def story(one: Wish) -> tuple[str, ...]:
    return _SUPPORT if one.is_support else _VIEWER


def _decided_once(evidence: ApprovalEvidence) -> Iterator[Violation]:
    """By the one who pressed, and by nobody else (APR-03)."""
    for one in evidence.expected:
        found = (evidence.approvals.get(one.job, []), evidence.decisions.get(one.job, {}))
        if found != (["approved"], {one.decides: "approve", one.reads: None}):
            yield Violation("decisions", one.job, f"was decided {found}")


def _opened_once(evidence: ApprovalEvidence) -> Iterator[Violation]:
    """One session or credential, ended as it was to be, of which nothing is left (RSA-04, RSA-05, VWR-05)."""
    for one in evidence.expected:
        state, by = ("ended", one.ending) if one.is_support else ("revoked", None)
        wanted = [{"request_id": one.request_id, "state": state, "ended_by": by, "is_left": False}]
        if (found := evidence.opened.get(one.job, [])) != wanted:
            yield Violation("opened", one.job, f"has {found}")


def _performed_once(evidence: ApprovalEvidence) -> Iterator[Violation]:
    """The device has opened the session once and closed it once, each by the first order (RSA-03)."""
    for one in evidence.expected:
        deeds = [(Deed.SESSION_OPENED, f"{one.request_id}-start-1"), (Deed.SESSION_CLOSED, f"{one.request_id}-stop-1")]
        if (found := evidence.deeds.get(one.job, [])) != (deeds if one.is_support else []):
            yield Violation("devices", one.job, f"has done {found}")


def _refused_afterwards(evidence: ApprovalEvidence) -> Iterator[Violation]:
    """A token opens once, and a credential shows its own company's data until it is revoked (VWR-04, VWR-05)."""
    acts = {(operation.job, operation.act): operation for operation in evidence.operations}
    for one in evidence.expected:
        for act in () if one.is_support else sorted(MUST_FAIL):
            if (code := _code(acts.get((one.job, act)))) != _REFUSALS[act]:
                yield Violation("refusals", one.job, f"{act} was answered {code}, not {_REFUSALS[act]}")
        if one.is_support or (read := acts.get((one.job, "read"))) is None:
            continue
        if (seen := read.answer.get("company", {}).get("customer_id")) != one.customer_id:
            yield Violation("refusals", one.job, f"has read the data of {seen}")


def _code(operation: Operation | None) -> str | None:
    return operation.answer.get("code") if operation else None


def _told_in_order(evidence: ApprovalEvidence) -> Iterator[Violation]:
    told = sorted((entry for entry in evidence.entries if entry.step), key=lambda entry: entry.procedure_id)
    stories = {
        procedure_id: tuple(entry.what for entry in entries if not entry.what.startswith("mail_"))
        for procedure_id, entries in groupby(told, key=lambda entry: entry.procedure_id)
    }
    for one in evidence.expected:
        mine = {name: what for name, what in stories.items() if f"-{one.tenant_id}-" in name}
        if mine != {one.procedure_id: story(one)}:
            yield Violation("timeline", one.job, f"tells {mine}")


def _mails(evidence: ApprovalEvidence) -> Iterator[Violation]:
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


def expected_mails(one: Wish) -> Counter[tuple[str, str]]:
    """(template, recipient) of everything that it has sent."""
    mails = Counter({("approval_request", one.decides): 1, ("approval_request", one.reads): 1})
    mails["approval_settled", one.reads] += 1
    if not one.is_support:
        mails["viewer_token", one.asks] += 1
        return mails
    mails["approval_outcome", one.asks] += 1
    mails["remote_support_session_desk", one.asks] += 1
    for address in (one.decides, one.reads):
        mails["remote_support_session", address] += 1
    for address in (one.decides, one.reads, one.asks):
        mails["remote_support_ended", address] += 1
    return mails


def _secrets_told_once(evidence: ApprovalEvidence) -> Iterator[Violation]:
    """All who are to know it know the same one (RSA-04, VWR-03); no two jobs have the same."""
    whose: dict[str, str] = {}
    for one in evidence.expected:
        told = evidence.told.get(one.job, set())
        if {address for address, _ in told} != one.confidants or len({secret for _, secret in told}) != 1:
            yield Violation("secrets", one.job, f"{len({secret for _, secret in told})} are told to {len(told)}")
        for secret in evidence.secrets_of(one.job):
            if whose.setdefault(secret, one.job) != one.job:
                yield Violation("secrets", one.job, f"has the one of {whose[secret]}")


def _secrets_are_nowhere_else(evidence: ApprovalEvidence) -> Iterator[Violation]:
    """Not in Temporal's files or payloads, not in a file or a row of Postgres, not in a log (RSA-04, GEN-10)."""
    for one in evidence.expected:
        if missed := SEEN - evidence.places.get(one.procedure_id, set()):
            yield Violation("secrets", one.job, f"the search did not even find its procedure's id in {sorted(missed)}")
        for secret in evidence.secrets_of(one.job):
            if places := evidence.places.get(secret):
                yield Violation("secrets", one.job, f"one of them can be read in {sorted(places)}")
