"""The words of the approvers' page: by name, (Japanese, English)."""

APPROVAL_WORDS: dict[str, tuple[str, str]] = {
    "approval_title": ("承認のお願い", "Your approval is requested"),
    "approval_lead": (
        "{company}の管理者として、下記の承認をお願いいたします。期限までに、承認・否認のいずれかをお選びください。",
        "You are asked to approve this for {company}. Please approve or deny it before the deadline.",
    ),
    "approval_asked": ("承認を求める内容", "What is asked"),
    "approval_asked_by": ("依頼者", "Asked by"),
    "approval_asked_for": ("対象", "For"),
    "approval_reason": ("依頼の理由", "Reason"),
    "approval_decision": ("あなたの判断", "Your decision"),
    "approval_approve": ("承認する", "Approve"),
    "approval_deny": ("否認する", "Deny"),
    "approval_decision_reason": ("判断の理由", "Why"),
    "approval_decision_reason_hint": (
        "依頼者にお知らせします。1,000文字まで。",
        "The requester is told. At most 1,000 characters.",
    ),
    "approval_button": ("この内容で回答する", "Send my decision"),
    "approval_undecided": (
        "承認・否認のいずれかを選んでからボタンを押してください。まだ何も送信されていません。",
        "Please choose to approve or to deny first. Nothing has been sent yet.",
    ),
    "approval_delegate_title": ("社内の別の方に任せる", "Let a colleague decide"),
    "approval_delegate_text": (
        "同じ会社の方に、あなたの代わりに承認をお願いします。以後、あなたのリンクでは判断できません。一度だけ指定できます。",
        "A colleague is asked in your place; your own link will no longer decide. It can be done once.",
    ),
    "approval_delegate_to": ("任せる方のメールアドレス", "Mail address of your colleague"),
    "approval_delegate_button": ("この方に任せる", "Let this colleague decide"),
    "approval_approved_title": ("承認されました", "It was approved"),
    "approval_approved_text": (
        "依頼者にお知らせし、手続きを進めます。今後の経過は、メールでお知らせします。",
        "The requester has been told, and we go ahead. Mails will tell you what happens next.",
    ),
    "approval_denied_title": ("否認されました", "It was denied"),
    "approval_denied_text": ("依頼者にお知らせしました。", "The requester has been told."),
    "approval_expired_title": ("期限が過ぎました", "The deadline has passed"),
    "approval_expired_text": (
        "期限までに判断がなかったため、この依頼は無効になりました。",
        "Nobody decided in time, so the request has lapsed.",
    ),
    "approval_withdrawn_title": ("依頼は取り下げられました", "The request was withdrawn"),
    "approval_withdrawn_text": ("あなたが行うことはありません。", "There is nothing left for you to do."),
    "approval_noted_title": ("回答を受け付けました", "Your decision has been taken"),
    "approval_noted_text": (
        "ほかの承認者の回答を待っています。結果はメールでお知らせします。",
        "The other approvers have not decided yet. A mail will tell you the outcome.",
    ),
    "approval_delegated_title": ("別の方に判断を任せました", "A colleague decides in your place"),
    "approval_delegated_text": ("下記の方に承認をお願いしています。", "This colleague has been asked."),
    "approval_delegate": ("任せた方", "Colleague"),
    "approval_decided_by": ("判断した方", "Decided by"),
    "approval_decided_at": ("日時", "When"),
    "approval_your_decision": ("あなたの回答", "Your decision"),
}
