"""Every way in which the product says no, each named after its situation.

A refusal is raised anywhere below the API and becomes a problem document there (GEN-07). Workflows cannot raise it as
it is: they raise an `ApplicationError` whose type is `refusal.code` and whose only detail is `refusal.details()`, and
the API makes the refusal again with `Refusal.from_code(code, details)`.

The sentences may name facts: `"It was cancelled for {cancellation_date}."`
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self


@dataclasses.dataclass(frozen=True)
class FieldError:
    """One wrong field: `field` is dotted (`utm_destinations.0.quantity`), `code` stable.

    The message, which names the `limits`, is made where the caller's language is known: `api/wording.py`.
    """

    field: str
    code: str
    limits: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


class _Facts(dict[str, Any]):
    """A fact that nobody gave leaves a gap in the sentence instead of hiding the refusal behind a `KeyError`."""

    def __missing__(self, name: str) -> str:
        return "…"


class Refusal(Exception):
    """`status` is the HTTP status; `state` the one the refused thing now has; `retry_after` in seconds.

    `facts` are further members of the problem document, plain JSON values.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    en: ClassVar[str]
    ja: ClassVar[str]
    known: ClassVar[dict[str, type["Refusal"]]] = {}

    def __init__(
        self,
        *,
        detail: str | None = None,
        state: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.detail = detail
        self.state = state
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.facts = dict(facts or {})
        super().__init__(self.sentence("en"))

    def __init_subclass__(cls) -> None:
        taken = Refusal.known.setdefault(cls.code, cls)
        # The Temporal sandbox imports this module again; only another class of the same name may take the code.
        if taken.__qualname__ != cls.__qualname__:
            message = f"{cls.__name__} and {taken.__name__} share the code {cls.code}"
            raise TypeError(message)

    def sentence(self, language: str) -> str:
        """What to tell a person, in `ja` or `en`: the given detail, or the class's sentence with its facts."""
        sentence = self.ja if language == "ja" else self.en
        return self.detail or sentence.format_map(_Facts(self.facts))

    def details(self) -> dict[str, Any]:
        """Everything but the code, as JSON values: what `from_code` needs."""
        return {
            "detail": self.detail,
            "state": self.state,
            "errors": [dataclasses.asdict(error) for error in self.errors],
            "retry_after": self.retry_after,
            "facts": self.facts,
        }

    @classmethod
    def from_code(cls, code: str, details: Mapping[str, Any]) -> "Refusal | None":
        """The refusal that `details()` was taken from; None when the code is none of ours."""
        kind = cls.known.get(code)
        return kind.from_details(details) if kind else None

    @classmethod
    def from_details(cls, details: Mapping[str, Any]) -> Self:
        return cls(
            detail=details.get("detail"),
            state=details.get("state"),
            errors=[FieldError(**error) for error in details.get("errors", ())],
            retry_after=details.get("retry_after"),
            facts=details.get("facts") or {},
        )


class InvalidInput(Refusal):
    code = "invalid_input"
    status = 422
    en = "Some of the input is wrong."
    ja = "入力内容に誤りがあります。"


class NothingChanged(Refusal):
    """CUS-02, USR-01, TPL-03: saving what is already there."""

    code = "nothing_changed"
    status = 422
    en = "Nothing differs from what is stored."
    ja = "変更された項目がありません。"


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    en = "This Idempotency-Key was used for a different request."
    ja = "このIdempotency-Keyは別のリクエストで使用されています。"


class Malformed(Refusal):
    """The request's body could not be read at all."""

    code = "malformed_request"
    status = 400
    en = "The body of the request could not be read."
    ja = "リクエストの本文を読み取れませんでした。"


class BodyTooLarge(Refusal):
    code = "body_too_large"
    status = 413
    en = "The body of the request is larger than {max_bytes} bytes."
    ja = "リクエストの本文が{max_bytes}バイトを超えています。"


class BodyTooSlow(Refusal):
    code = "body_too_slow"
    status = 408
    en = "The body of the request did not arrive in time."
    ja = "リクエストの本文が時間内に届きませんでした。"


class Unauthenticated(Refusal):
    """Nobody knows who is calling."""

    code = "unauthenticated"
    status = 401
    en = "Sign in, or send a valid key."
    ja = "サインインするか、有効なキーを指定してください。"


class InvalidCredentials(Refusal):
    """AUT-01: alike for a wrong password and an unknown address."""

    code = "invalid_credentials"
    status = 401
    en = "The mail address or the password is wrong."
    ja = "メールアドレスまたはパスワードが正しくありません。"


class AccountLocked(Refusal):
    """AUT-02: alike for unknown addresses."""

    code = "account_locked"
    status = 423
    en = "Too many wrong passwords: the account is locked for now, and opens again by itself."
    ja = "パスワードの誤りが続いたため、アカウントはロックされています。しばらくすると自動的に解除されます。"


class TenantSuspended(Refusal):
    code = "tenant_suspended"
    status = 403
    en = "This tenant is suspended."
    ja = "このテナントは利用停止中です。"


class Forbidden(Refusal):
    code = "forbidden"
    status = 403
    en = "You may not do this."
    ja = "この操作は許可されていません。"


class RefusedReferrer(Refusal):
    """SET-03."""

    code = "refused_referrer"
    status = 403
    en = "This page can be opened only from the websites that its owner has chosen."
    ja = "このページは、指定されたウェブサイトからのみ開くことができます。"


class NotFound(Refusal):
    """Unknown, or another tenant's: nobody can tell which (GEN-05)."""

    code = "not_found"
    status = 404
    en = "There is no such thing here."
    ja = "対象が見つかりません。"


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405
    en = "This address does not know the method."
    ja = "このメソッドは使用できません。"


class LinkUsed(Refusal):
    code = "link_used"
    status = 410
    en = "This link has been used."
    ja = "このリンクは使用済みです。"


class LinkExpired(Refusal):
    code = "link_expired"
    status = 410
    en = "This link has expired."
    ja = "このリンクは有効期限が切れています。"


class LinkWithdrawn(Refusal):
    code = "link_withdrawn"
    status = 410
    en = "This link has been withdrawn."
    ja = "このリンクは取り消されています。"


class WrongState(Refusal):
    """The transition is not open from `state`, the state the thing now has (APP-14)."""

    code = "wrong_state"
    status = 409
    en = "This is not possible in the present state."
    ja = "現在の状態では、この操作はできません。"


class UtmAdditionDisabled(Refusal):
    """SET-01: the tenant has switched it off."""

    code = "utm_addition_disabled"
    status = 409
    en = "The reseller does not take applications for more UTMs here at present."
    ja = "現在、ポータルからのUTM追加申請は受け付けておりません。"


class CompanyNotServed(Refusal):
    """ADD-01. Its state: `suspended` or `cancelled`."""

    code = "company_not_served"
    status = 409
    en = "The company's service is suspended or cancelled; it cannot apply for more UTMs."
    ja = "サービスが停止中または解約済みのため、UTM追加申請はできません。"


class AlreadyCancelled(Refusal):
    """CAN-07."""

    code = "already_cancelled"
    status = 409
    en = "It was cancelled for {cancellation_date}."
    ja = "{cancellation_date}付けですでに解約されています。"


class CancellationOver(Refusal):
    """CAN-06: the date can be moved only until the contract has ended."""

    code = "cancellation_over"
    status = 409
    en = "The contract ended with {cancellation_date}; its date can no longer be moved."
    ja = "契約は{cancellation_date}をもって終了したため、解約日は変更できません。"


class UndoNotOffered(Refusal):
    """UND-01: the product includes no UTM."""

    code = "undo_not_offered"
    status = 409
    en = "A cancellation can be undone only where the product includes a UTM."
    ja = "UTMを含まない商品の解約は取り消せません。"


class UndoWindowClosed(Refusal):
    """UND-01. `undo_deadline` is the instant from which on it was too late."""

    code = "undo_window_closed"
    status = 409
    en = "The cancellation for {cancellation_date} could be undone until {undo_deadline}."
    ja = "{cancellation_date}付けの解約を取り消せる期限（{undo_deadline}）を過ぎています。"


class AlreadyExists(Refusal):
    code = "already_exists"
    status = 409
    en = "It exists already."
    ja = "すでに登録されています。"


class LastStaffMember(Refusal):
    """Nobody would be left to add the next one."""

    code = "last_staff_member"
    status = 409
    en = "The last registered staff member of a tenant cannot be deleted."
    ja = "登録済みの最後の担当者は削除できません。"


class NotDeletable(Refusal):
    """CUS-05. Its facts: `deletion_blockers`, and `deletable_from` where a day is known."""

    code = "not_deletable"
    status = 409
    en = "It cannot be deleted: {reasons}."
    ja = "削除できません。理由: {reasons}"
    reasons: ClassVar[dict[str, tuple[str, str]]] = {
        "utm": ("it has UTMs", "UTMが登録されています"),
        "contract_in_force": ("it has a contract in force", "有効な契約があります"),
        "contract_ended_recently": ("its last contract ended not long ago", "最後の契約が終了して間もないためです"),
    }

    def sentence(self, language: str) -> str:
        """Every reason in words, and the first day that the contracts leave open."""
        if self.detail is not None:
            return self.detail
        blockers = [self.reasons[blocker] for blocker in self.facts.get("deletion_blockers", ())]
        since = self.facts.get("deletable_from")
        if language == "ja":
            said = self.ja.format(reasons="、".join(ja for _, ja in blockers))
            return f"{said}。{since}から削除できます。" if since else f"{said}。"
        said = self.en.format(reasons="; ".join(en for en, _ in blockers))
        return f"{said} It can be from {since}." if since else said


class PreconditionFailed(Refusal):
    """The `If-Match` no longer fits: somebody else was faster."""

    code = "precondition_failed"
    status = 412
    en = "It has been changed meanwhile; read it again."
    ja = "ほかの人が先に変更しました。もう一度読み込んでください。"


class NoContractInForce(Refusal):
    """UTM-01. Its state: the customer's status."""

    code = "no_contract_in_force"
    status = 409
    en = "The customer has no contract that is in force today."
    ja = "契約期間中の契約がないため、UTMを登録できません。"


class TooManyRequests(Refusal):
    code = "too_many_requests"
    status = 429
    en = "Too many requests; try again later."
    ja = "リクエストが多すぎます。しばらくしてからやり直してください。"


class Unavailable(Refusal):
    """The database or Temporal is out of reach; nothing was taken."""

    code = "unavailable"
    status = 503
    en = "The service cannot be reached just now; nothing was taken. Try again."
    ja = "現在サービスを利用できません。リクエストは受け付けられていません。しばらくしてからやり直してください。"


class NoJapaneseFont(Refusal):
    """KIT-02: the operator has to install one; the sentence says which."""

    code = "no_japanese_font"
    status = 503
    en = "The slip cannot be printed: this server has no Japanese font. The operator can install fonts-noto-cjk."
    ja = "サーバーに日本語フォントがないため伝票を作成できません。fonts-noto-cjkのインストールが必要です。"


class Unexpected(Refusal):
    """A mistake of ours. The log has what happened under `error_id`; the caller learns no more than that."""

    code = "internal_error"
    status = 500
    en = "Something went wrong here. Please name {error_id} when you report it."
    ja = "内部エラーが発生しました。お問い合わせの際は{error_id}をお知らせください。"
