"""The sentences of a dry run: what each consequence is, in the caller's language (CAN-03)."""

from typing import Any

from models.rules.consequences import Consequence
from models.vocabulary import ConsequenceKind as Kind
from models.vocabulary import Language

# By kind: in Japanese, in English; braces name facts.
_SENTENCES: dict[Kind, tuple[str, str]] = {
    Kind.CANCELLED: (
        "契約は{cancellation_date}付けで解約済みになります",
        "The contract is cancelled for {cancellation_date}",
    ),
    Kind.MOVED: (
        "解約日を{previous_date}から{cancellation_date}に変更します",
        "The cancellation date moves from {previous_date} to {cancellation_date}",
    ),
    Kind.UNDONE: ("解約を取り消し、契約は有効に戻ります", "The cancellation is undone, and the contract active again"),
    Kind.CHANGED: (
        "毎月の金額は{previous_monthly_amount:,}円から{monthly_amount:,}円になります",
        "The monthly amount goes from {previous_monthly_amount:,} to {monthly_amount:,} yen",
    ),
    Kind.FEE: (
        "解約金は{amount:,}円です（月額{monthly_amount:,}円、残り{months_left}か月）",
        "The cancellation fee is {amount:,} yen ({monthly_amount:,} yen a month, {months_left} months left)",
    ),
    Kind.FEE_REVERSED: ("解約金{amount:,}円を取り消します", "The cancellation fee of {amount:,} yen is reversed"),
    Kind.STARTS: ("契約が始まります", "The contract starts"),
    Kind.RENEWS: (
        "契約が更新されます（{term_start_date}から{term_end_date}まで）",
        "The contract renews, from {term_start_date} to {term_end_date}",
    ),
    Kind.EXPIRES: ("契約は{last_day}をもって満了しています", "The contract has expired with {last_day}"),
    Kind.ENDS: (
        "契約が終了します。サービスの最終日は{last_day_of_service}です",
        "The contract has ended; the last day of service was {last_day_of_service}",
    ),
    Kind.SHIPMENT_STOPPED: ("UTMの発送を止めます", "The UTM's shipment is stopped"),
    Kind.SHIPMENT_BEGINS: ("UTMを改めて発送します", "A UTM is shipped anew"),
    Kind.CUSTOMER_CANCELLED: ("顧客企業に有効な契約がなくなります", "The customer has no contract in force any more"),
    Kind.CUSTOMER_ACTIVE: ("顧客企業が有効に戻ります", "The customer is active again"),
    Kind.NO_RENEWAL: (
        "{term_start_date}からの更新は行われません",
        "The renewal from {term_start_date} does not take place",
    ),
    Kind.NOTICE_DROPPED: (
        "{term_start_date}の更新のお知らせは送りません",
        "The notice of the renewal of {term_start_date} is not sent",
    ),
    Kind.KIT_REQUESTED: (
        "UTM {utm_id} の回収キットの発送を依頼します: 〒{postal_code} {address}{check}",
        "The return kit for UTM {utm_id} is ordered, to {address}, {postal_code}{check}",
    ),
    Kind.KIT_STOPPED: (
        "UTM {utm_id} の回収キットの発送を止めます",
        "The return kit for UTM {utm_id} is stopped",
    ),
    Kind.KIT_RECALLED: (
        "UTM {utm_id} の返却は不要であることを知らせます: {to}",
        "The customer is told to keep UTM {utm_id}: {to}",
    ),
    Kind.MAIL: ("メール {template} を送ります: {to}", "The mail {template} goes to {to}"),
    Kind.HELD: ("申請を保留にします", "The application is put on hold"),
    Kind.CUSTOMER_CREATED: (
        "顧客企業とログインユーザ{portal_users}名を登録します",
        "The customer and its {portal_users} portal users are made",
    ),
    Kind.SIGNUPS_EXPIRE: (
        "サインアップ期間が終了します。本登録がまだのログインユーザは、再送が必要になります（{portal_users}名中）",
        "The signups expire; who of the {portal_users} has not registered needs another link",
    ),
    Kind.UNDO_CLOSES: ("解約を取り消せる期限です", "From now on the cancellation can no longer be undone"),
    Kind.PORTAL_CLOSES: (
        "ポータルを利用できなくなります（ログインユーザ{portal_users}名）",
        "The portal closes to the customer's users ({portal_users})",
    ),
    Kind.PORTAL_STAYS: (
        "ポータルは引き続き利用できます（ログインユーザ{portal_users}名）",
        "The portal stays open to the customer's users ({portal_users})",
    ),
    Kind.DELETABLE: (
        "この日から、UTMがなければ顧客企業を削除できます",
        "From now on the customer can be deleted, once it has no UTM",
    ),
    Kind.ADDITIONS_ENDED: (
        "審査前のUTM追加申請{count}件を終了します",
        "{count} undecided applications for more UTMs end",
    ),
    Kind.VIEWERS_REVOKED: (
        "データの閲覧許可と、その依頼{count}件を取り消します",
        "{count} PCs may no longer view the data, or no longer ask to",
    ),
    Kind.USERS_REMOVED: (
        "ログインユーザ{portal_users}名が削除されます（うちサインアップ中{signups}名）",
        "{portal_users} portal users are removed, {signups} of them during their signup",
    ),
    Kind.ERASED: (
        "顧客企業の個人情報を消去します。番号、金額、監査記録は残ります",
        "The customer's personal data are erased; numbers, amounts and the audit log stay",
    ),
}
_FIXED_FEE = ("解約金は{amount:,}円です（定額）", "The cancellation fee is {amount:,} yen, a fixed charge")
_UNDONE_TOO_LATE = (
    "解約を取り消しますが、契約期間がすでに満了しているため、契約は期限切れになります",
    "The cancellation is undone, but the contract's last term has ended meanwhile: the contract is expired",
)
_IF_NOT_SHIPPED = ("まだ発送されていなければ、UTMの発送を止めます", "The UTM's shipment is stopped unless it has left")
_DEVICE_SHIPPED = ("返却済みのUTM {utm_id} を改めて発送します", "UTM {utm_id}, which had come back, is shipped anew")
_CHECK = ("（番地が見当たりません。ご確認ください）", " (no house number: please check)")
_NOBODY = ("宛先なし", "nobody")


def sentence(consequence: Consequence, language: Language) -> str:
    """What to tell a person; the instant stands beside it."""
    place, facts = (0 if language is Language.JA else 1), consequence.facts
    told: dict[str, Any] = {
        **facts,
        "to": ", ".join(facts.get("recipients", ())) or _NOBODY[place],
        "check": _CHECK[place] if facts.get("has_house_number") is False else "",
    }
    return _sentences(consequence)[place].format_map(told)


def _sentences(consequence: Consequence) -> tuple[str, str]:
    facts = consequence.facts
    if facts.get("fixed"):
        return _FIXED_FEE
    if facts.get("expired"):
        return _UNDONE_TOO_LATE
    if facts.get("unless_shipped"):
        return _IF_NOT_SHIPPED
    if consequence.what is Kind.SHIPMENT_BEGINS and "utm_id" in facts:
        return _DEVICE_SHIPPED
    return _SENTENCES[consequence.what]
