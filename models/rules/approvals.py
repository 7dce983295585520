"""When an approval is decided (APR-03), what happens by itself before (APR-04), who may be delegated to (APR-05)."""

from collections.abc import Collection
from datetime import datetime

from models.approval_vocabulary import ApprovalState, ApprovalTimer

_OPEN_TO_ALL = frozenset(
    {
        *("gmail.com", "googlemail.com", "outlook.com", "outlook.jp", "hotmail.com", "hotmail.co.jp", "live.jp"),
        *("yahoo.com", "yahoo.co.jp", "ymail.ne.jp", "icloud.com", "me.com", "aol.com", "proton.me", "gmx.com"),
        *(
            "msn.com",
            "live.com",
            "yahoo.ne.jp",
            "mac.com",
            "protonmail.com",
            "rakuten.jp",
            "infoseek.jp",
            "excite.co.jp",
        ),
        *("docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "ymobile.ne.jp", "uqmobile.jp"),
        *("nifty.com", "ocn.ne.jp", "plala.or.jp", "biglobe.ne.jp", "so-net.ne.jp", "dti.ne.jp", "asahi-net.or.jp"),
        *("home.ne.jp", "eonet.ne.jp", "commufa.jp", "odn.ne.jp", "wakwak.com", "hi-ho.ne.jp"),
    }
)
"""Where anybody gets an address, also below them: to share such a domain is not to share a company."""


def outcome(needed: int | None, *, asked: int, approvals: int, denials: int) -> ApprovalState:
    """How it stands after those decisions.

    `needed`: how many of those `asked` have to approve; it is denied once so many no longer can. None: any one of them
    decides, and the first decision is the outcome.
    """
    if approvals >= (needed or 1):
        return ApprovalState.APPROVED
    if denials and (needed is None or asked - denials < needed):
        return ApprovalState.DENIED
    return ApprovalState.PENDING


def may_delegate(approver: str, to: str, *, administrators: Collection[str]) -> bool:
    """Within the company: to one of its administrators, or to an address under the approver's own mail domain."""
    domain = _domain(approver)
    return to.lower() in {address.lower() for address in administrators} or (
        _domain(to) == domain and not _is_open_to_all(domain)
    )


def timers(begun: datetime, deadline: datetime, *, escalates: bool) -> list[tuple[datetime, ApprovalTimer]]:
    """A reminder at half time, others asked as well after three quarters, and the end; soonest first."""
    quarter = (deadline - begun) / 4
    escalation = [(begun + 3 * quarter, ApprovalTimer.ESCALATE)] if escalates else []
    return [(begun + 2 * quarter, ApprovalTimer.REMIND), *escalation, (deadline, ApprovalTimer.EXPIRE)]


def _is_open_to_all(domain: str) -> bool:
    parts = domain.split(".")
    return any(".".join(parts[start:]) in _OPEN_TO_ALL for start in range(len(parts)))


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
