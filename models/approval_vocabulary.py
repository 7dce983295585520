"""The nouns of approvals by mailed link. Spelled as the API, the pages' forms and the database spell them."""

from enum import StrEnum


class ApprovalKind(StrEnum):
    """What an approval is for. How it is called in mails and on pages: `mail_templates/approval_wording.py`."""

    REMOTE_SUPPORT = "remote_support"
    VIEWER_ACCESS = "viewer_access"


class ApprovalState(StrEnum):
    """Of a request for approval (APR-01…06); all but the first are its outcomes."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class ApprovalDecision(StrEnum):
    """What an approver may say (APR-02)."""

    APPROVE = "approve"
    DENY = "deny"


class ApprovalTimer(StrEnum):
    """What happens by itself as long as nothing is decided (APR-04)."""

    REMIND = "remind_approvers"
    ESCALATE = "escalate_approval"
    EXPIRE = "approval_expires"
