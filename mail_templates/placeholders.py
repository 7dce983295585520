"""The placeholders that mails are written with: what each means, and a sample of it for previews (TPL-03, TPL-04).

A name means the same in every mail. All values are one line of text, already put into words for the reader
(`wording.py`); whatever else arrives in them is made inert when the mail is rendered.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.vocabulary import Language


class PlaceholderKind(StrEnum):
    TEXT = "text"
    LINK = "link"
    """The value is a whole http(s) URL. Only these become links in the HTML part."""
    CODE = "code"
    """The value is a secret to be typed in; like a link's token it never reaches the ledger."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    name: str
    meaning: dict[Language, str]
    sample: dict[Language, str]
    kind: PlaceholderKind = PlaceholderKind.TEXT

    @property
    def written(self) -> str:
        return f"{{{{{self.name}}}}}"


def _text(name: str, *, ja: tuple[str, str], en: tuple[str, str]) -> Placeholder:
    """`ja` and `en` are each (meaning, sample)."""
    return Placeholder(name, {Language.JA: ja[0], Language.EN: en[0]}, {Language.JA: ja[1], Language.EN: en[1]})


def _link(name: str, ja: str, *, en: str, sample: str) -> Placeholder:
    meaning = {Language.JA: ja, Language.EN: en}
    return Placeholder(name, meaning, dict.fromkeys(Language, sample), PlaceholderKind.LINK)


def _code(name: str, ja: str, *, en: str, sample: str) -> Placeholder:
    return Placeholder(name, {Language.JA: ja, Language.EN: en}, dict.fromkeys(Language, sample), PlaceholderKind.CODE)


_SAMPLE_LINK = "https://portal.example.jp/l/sample-of-a-link"
_SAMPLE_PORTAL = "https://portal.example.jp/"

_ALL = (
    _text("ApplicantName", ja=("申込者の氏名", "山田 太郎"), en=("name of the applicant", "Taro Yamada")),
    _text("ApplicationNumber", ja=("申請番号", "AAP-3KJXLH50"), en=("application number", "AAP-3KJXLH50")),
    _text(
        "Asked", ja=("承認を求める内容", "リモートサポートの開始"), en=("what is asked", "the start of remote support")
    ),
    _text("AskedBy", ja=("依頼者", "サポートデスク 佐藤 花子"), en=("who asks", "Hanako Sato of the support desk")),
    _text(
        "AskedFor",
        ja=("対象", "本社 1階（UTM ID a1a1b2b2c3c3、〒105-0011 東京都港区芝公園4-2-8）"),
        en=("what it is for", "Head office, 1F (UTM ID a1a1b2b2c3c3, 4-2-8 Shibakoen, Minato-ku, Tokyo 105-0011)"),
    ),
    _text(
        "CancellationDate",
        ja=("解約日（サービスの最終日）", "2027年3月31日(水)"),
        en=("cancellation date, the last day of service", "Wed 31 March 2027"),
    ),
    _text(
        "CancellationFee",
        ja=("解約金の有無", "あり（36,000円）"),
        en=("whether a cancellation fee is charged", "yes (36,000 yen)"),
    ),
    _text("CarrierName", ja=("運送会社名", "さくら運輸"), en=("name of the carrier", "Sakura Express")),
    _text(
        "Charge",
        ja=("未返却の料金", "50,000円（税抜）"),
        en=("charge for the device that stayed away", "50,000 yen before tax"),
    ),
    _text(
        "CompanyName", ja=("顧客企業名", "株式会社みなと商事"), en=("name of the customer company", "Minato Trading")
    ),
    _text(
        "ContactName", ja=("顧客企業の担当者の氏名", "山田 太郎"), en=("name of the customer's contact", "Taro Yamada")
    ),
    _text("ContractNumber", ja=("契約番号", "A-S00000001"), en=("contract number", "A-S00000001")),
    _text(
        "ContractOutcome",
        ja=("解約の取り消し後の契約", "契約は、解約前の期間と条件のまま続きます。"),
        en=("what becomes of the contract", "The contract goes on with the terms it had."),
    ),
    _text("CustomerCount", ja=("顧客企業の数", "2"), en=("number of customers", "2")),
    _text(
        "CustomerIDs",
        ja=("顧客企業ID（複数）", "A00366102, A00366208"),
        en=("customer IDs, several", "A00366102, A00366208"),
    ),
    _text("CustomerID", ja=("顧客企業ID", "A00366102"), en=("customer ID", "A00366102")),
    _text("DaysWaiting", ja=("お待たせしている日数", "4"), en=("days the application has waited", "4")),
    _text(
        "Deadline",
        ja=("リンクや手続きの期限", "2027年1月12日(火) 10:00"),
        en=("when the link or the procedure ends", "Tue 12 January 2027, 10:00 (JST)"),
    ),
    _text(
        "DecidedAt",
        ja=("判断した日時", "2027年1月6日(水) 11:30"),
        en=("when it was decided", "Wed 6 January 2027, 11:30 (JST)"),
    ),
    _text("DecidedBy", ja=("判断した方", "山田 太郎"), en=("who decided", "Taro Yamada")),
    _text(
        "DecisionReason",
        ja=("判断の理由（なければ「－」）", "業務の繁忙期のため"),
        en=("why, or “–”", "It is our busiest week."),
    ),
    _text(
        "DestinationAddress",
        ja=("送付先の住所", "〒105-0011 東京都港区芝公園4-2-8"),
        en=("address of the destination", "4-2-8 Shibakoen, Minato-ku, Tokyo 105-0011"),
    ),
    _text("DueDate", ja=("返送の期限日", "2027年2月9日(火)"), en=("day by which to return it", "Tue 9 February 2027")),
    _text("EndDate", ja=("契約期間の最終日", "2029年1月31日(水)"), en=("last day of the term", "Wed 31 January 2029")),
    _text(
        "EndedAt", ja=("終了日時", "2027年1月6日(水) 13:05"), en=("when it ended", "Wed 6 January 2027, 13:05 (JST)")
    ),
    _text("EndedBy", ja=("終了した方、または理由", "サポートデスク"), en=("who or what ended it", "the support desk")),
    _text(
        "EndsAt",
        ja=("終了予定日時", "2027年1月6日(水) 13:30"),
        en=("when it ends by itself", "Wed 6 January 2027, 13:30 (JST)"),
    ),
    _text(
        "EndsOn",
        ja=("自動で終了する日", "2027年1月21日(木)"),
        en=("day on which it ends by itself", "Thu 21 January 2027"),
    ),
    _text(
        "FailureReason",
        ja=("うまくいかなかった理由", "UTMと通信できませんでした"),
        en=("why it failed", "the UTM could not be reached"),
    ),
    _text(
        "LastFreeDay",
        ja=("解約金のかからない最終の解約日", "2028年1月31日(月)"),
        en=("last day on which a cancellation costs no fee", "Mon 31 January 2028"),
    ),
    _text("LastUsedOn", ja=("最後に利用した日", "2026年7月25日(土)"), en=("day of the last use", "Sat 25 July 2026")),
    _text("LockDuration", ja=("ロックが続く時間の上限", "1時間"), en=("longest time the lock lasts", "1 hour")),
    _text(
        "MailAddress", ja=("メールアドレス", "info@minato.example.jp"), en=("mail address", "info@minato.example.jp")
    ),
    _text("Outcome", ja=("承認依頼の結果", "否認されました"), en=("what became of the request", "denied")),
    _text("PCName", ja=("PCの名称", "EIGYO-PC-03"), en=("name of the PC", "SALES-PC-03")),
    _text(
        "PlannedArrivalDate", ja=("着荷予定日", "2027年1月20日(水)"), en=("planned arrival date", "Wed 20 January 2027")
    ),
    _text(
        "PreviousArrivalDate",
        ja=("変更前の着荷予定日（変更でなければ「－」）", "2027年1月18日(月)"),
        en=("planned arrival date before the change, or “–”", "Mon 18 January 2027"),
    ),
    _text(
        "PreviousDate",
        ja=("変更前の解約日", "2027年2月28日(日)"),
        en=("cancellation date before the change", "Sun 28 February 2027"),
    ),
    _text("ProductID", ja=("商品ID", "P-00000012"), en=("product ID", "P-00000012")),
    _text("ProductName", ja=("商品名", "まもるUTM スタンダード"), en=("name of the product", "Mamoru UTM Standard")),
    _text("Quantity", ja=("UTMの台数", "2"), en=("number of UTMs", "2")),
    _text(
        "Reason",
        ja=("理由（なければ「－」）", "通信が遅いとのお問い合わせの調査"),
        en=("the reason, or “–”", "The line is slow; we look into it."),
    ),
    _text("RecipientName", ja=("宛名", "山田 太郎"), en=("name of the recipient", "Taro Yamada")),
    _text("RenewalDate", ja=("契約を更新する日", "2028年2月1日(火)"), en=("day of the renewal", "Tue 1 February 2028")),
    _text("RenewalTerm", ja=("契約更新期間", "1年"), en=("renewal term", "1 year")),
    _text(
        "RestartAt",
        ja=("再起動の予定日時", "2027年1月6日(水) 02:15"),
        en=("when the restart is scheduled", "Wed 6 January 2027, 02:15 (JST)"),
    ),
    _text("Result", ja=("申請の結果（承認または否認）", "承認"), en=("result: approved or denied", "approved")),
    _text("StartDate", ja=("契約開始日", "2027年2月1日(月)"), en=("contract start date", "Mon 1 February 2027")),
    _text(
        "StartedAt",
        ja=("開始日時", "2027年1月6日(水) 11:30"),
        en=("when it started", "Wed 6 January 2027, 11:30 (JST)"),
    ),
    _text("Status", ja=("申請の状態", "未承認"), en=("state of the application", "unapproved")),
    _text("TenantID", ja=("テナントID", "T8000000"), en=("tenant ID", "T8000000")),
    _text("TenantName", ja=("テナント名", "みらいセキュリティ株式会社"), en=("name of the tenant", "Mirai Security")),
    _text("UTMID", ja=("UTM ID", "a1a1b2b2c3c3"), en=("UTM ID", "a1a1b2b2c3c3")),
    _text("UTMName", ja=("UTMの名称", "本社 1階"), en=("name of the UTM", "Head office, 1F")),
    _text("UndoDate", ja=("解約を取り消した日", "2027年3月15日(月)"), en=("day of the undo", "Mon 15 March 2027")),
    _text("UserID", ja=("ユーザID", "YW499776"), en=("user ID", "YW499776")),
    _text("UserName", ja=("ユーザの氏名", "山田 太郎"), en=("name of the user", "Taro Yamada")),
    _text("WaybillNumber", ja=("送り状番号", "4907-1234-5678"), en=("waybill number", "4907-1234-5678")),
    _link("ApplyURL", "申込みページのURL", en="URL of the application form", sample=_SAMPLE_LINK),
    _link("ApprovalURL", "承認ページのURL", en="URL of the approval page", sample=_SAMPLE_LINK),
    _link("ConfirmURL", "確認ページのURL", en="URL of the confirmation page", sample=_SAMPLE_LINK),
    _link("EndURL", "終了ページのURL", en="URL of the page that ends it", sample=_SAMPLE_LINK),
    _link("PortalURL", "ポータルのURL", en="URL of the portal", sample=_SAMPLE_PORTAL),
    _link("ResetURL", "パスワード再設定ページのURL", en="URL of the password reset page", sample=_SAMPLE_LINK),
    _link("SignupURL", "登録ページのURL", en="URL of the registration page", sample=_SAMPLE_LINK),
    _link(
        "TrackingURL",
        "配送状況を確認するURL",
        en="URL that tracks the delivery",
        sample="https://carrier.example.jp/track/490712345678",
    ),
    _code("Code", "確認コード（6桁）", en="verification code of 6 digits", sample="314159"),
    _code("ViewerToken", "閲覧の認証トークン", en="token of a viewer program", sample="K7QD-3MXA-ZP2R-6HWN"),
    _code("SessionID", "セッションID", en="ID of the session", sample="483-920-117"),
    _code("SessionPassword", "セッションのパスワード", en="password of the session", sample="Kx7mQ2vT"),
)

PLACEHOLDERS: dict[str, Placeholder] = {placeholder.name: placeholder for placeholder in _ALL}
