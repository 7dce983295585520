"""What approvals are called, in mails and on pages: by kind and by outcome, (Japanese, English)."""

from models.approval_vocabulary import ApprovalKind, ApprovalState
from models.vocabulary import Language

_ASKED: dict[ApprovalKind, tuple[str, str]] = {
    ApprovalKind.REMOTE_SUPPORT: ("リモートサポートの開始", "the start of remote support"),
    ApprovalKind.VIEWER_ACCESS: ("閲覧プログラムによるデータの閲覧", "a viewer program's access to the company's data"),
}
_OUTCOMES: dict[ApprovalState, tuple[str, str]] = {
    ApprovalState.PENDING: ("判断待ち", "not decided yet"),
    ApprovalState.APPROVED: ("承認されました", "approved"),
    ApprovalState.DENIED: ("否認されました", "denied"),
    ApprovalState.EXPIRED: ("期限切れ", "expired undecided"),
    ApprovalState.WITHDRAWN: ("取り下げ", "withdrawn"),
}


def asked(kind: ApprovalKind, language: Language) -> str:
    return _ASKED[kind][language is Language.EN]


def outcome(state: ApprovalState, language: Language) -> str:
    return _OUTCOMES[state][language is Language.EN]
