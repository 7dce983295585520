"""When an approval is decided, and who may decide in another's place."""

from datetime import UTC, datetime, timedelta

import pytest

from models.approval_vocabulary import ApprovalState, ApprovalTimer
from models.rules.approvals import may_delegate, outcome, timers

PENDING, APPROVED, DENIED = ApprovalState.PENDING, ApprovalState.APPROVED, ApprovalState.DENIED


@pytest.mark.requirement("APR-01", "APR-03")
@pytest.mark.parametrize(
    ("needed", "asked", "approvals", "denials", "expected"),
    [
        (None, 2, 0, 0, PENDING),
        (None, 2, 1, 0, APPROVED),
        (None, 2, 0, 1, DENIED),
        (2, 3, 1, 0, PENDING),
        (2, 3, 1, 1, PENDING),
        (2, 3, 2, 0, APPROVED),
        (2, 3, 2, 1, APPROVED),
        (2, 3, 0, 1, PENDING),
        (2, 3, 1, 2, DENIED),
        (3, 3, 0, 1, DENIED),
        (1, 2, 0, 1, PENDING),
        (1, 2, 0, 2, DENIED),
    ],
)
def test_an_approval_is_decided_by_its_rule(
    needed: int | None, asked: int, approvals: int, denials: int, expected: ApprovalState
) -> None:
    """Any one: the first decision. n of m: n approvals, or so many denials that n are out of reach."""
    assert outcome(needed, asked=asked, approvals=approvals, denials=denials) is expected


@pytest.mark.requirement("APR-05")
@pytest.mark.parametrize(
    ("approver", "to", "expected"),
    [
        ("a@minato.example", "b@minato.example", True),
        ("a@minato.example", "b@MINATO.example", True),
        ("a@minato.example", "b@sub.minato.example", False),
        ("a@minato.example", "b@minato.example.evil.example", False),
        ("a@minato.example", "b@other.example", False),
        ("a@minato.example", "Boss@elsewhere.example", True),
        ("a@gmail.com", "b@gmail.com", False),
        ("a@jupiter.ocn.ne.jp", "b@jupiter.ocn.ne.jp", False),
        ("a@gmail.com", "boss@elsewhere.example", True),
    ],
)
def test_only_the_same_company_can_be_delegated_to(approver: str, to: str, *, expected: bool) -> None:
    """Its administrators, or its own mail domain; not a domain where anybody gets an address."""
    assert may_delegate(approver, to, administrators=["boss@elsewhere.example"]) is expected


@pytest.mark.requirement("APR-04")
def test_the_reminder_is_at_half_time_and_the_escalation_before_the_end() -> None:
    begun = datetime(2027, 1, 5, tzinfo=UTC)
    end = begun + timedelta(hours=24)
    half, late = begun + timedelta(hours=12), begun + timedelta(hours=18)
    assert timers(begun, end, escalates=False) == [(half, ApprovalTimer.REMIND), (end, ApprovalTimer.EXPIRE)]
    assert timers(begun, end, escalates=True)[1] == (late, ApprovalTimer.ESCALATE)
