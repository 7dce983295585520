"""The nouns of viewer access. Spelled as the API and the database spell them."""

from enum import StrEnum


class ViewerState(StrEnum):
    """Of a viewer program on one PC, from its request on (VWR-01…05).

    `expired`: nobody decided. `token_sent`: approved, and not entered yet. `unused`: it ended for want of use.
    `not_taken`: the company was not there any more.
    """

    NOT_TAKEN = "not_taken"
    AWAITING_APPROVAL = "awaiting_approval"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    TOKEN_SENT = "token_sent"  # noqa: S105 - a state, not a secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - likewise
    ALLOWED = "allowed"
    REVOKED = "revoked"
    UNUSED = "unused"
    ENDED = "ended"


class ViewerTimer(StrEnum):
    """What happens by itself after the approval (VWR-03, VWR-05)."""

    EXPIRE_TOKEN = "viewer_token_expires"  # noqa: S105 - a timer, not a secret
    WARN = "warn_unused_viewer"
    END = "end_unused_viewer"


OPEN = (ViewerState.AWAITING_APPROVAL, ViewerState.TOKEN_SENT, ViewerState.ALLOWED)
"""What can still be revoked."""
SHOWN = (ViewerState.TOKEN_SENT, ViewerState.ALLOWED)
"""The PCs that somebody has allowed."""
