"""How dates, names and states are put into words, by language (GEN-01: instants are shown in the tenant's zone)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from models.device_vocabulary import RestartReason
from models.vocabulary import ApplicationState, Language, TermUnit

_HOME = "Asia/Tokyo"
_DAYS = {
    Language.JA: ("月", "火", "水", "木", "金", "土", "日"),
    Language.EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_STATES = {
    Language.JA: {
        ApplicationState.AWAITING_CONFIRMATION: "申込者の確認待ち",
        ApplicationState.UNAPPROVED: "未承認",
        ApplicationState.ON_HOLD: "保留",
        ApplicationState.APPROVED: "承認",
        ApplicationState.DENIED: "否認",
        ApplicationState.LAPSED: "失効",
        ApplicationState.WITHDRAWN: "取り下げ",
        ApplicationState.ENDED: "終了",
    },
    Language.EN: {
        ApplicationState.AWAITING_CONFIRMATION: "awaiting confirmation",
        ApplicationState.UNAPPROVED: "unapproved",
        ApplicationState.ON_HOLD: "on hold",
        ApplicationState.APPROVED: "approved",
        ApplicationState.DENIED: "denied",
        ApplicationState.LAPSED: "lapsed",
        ApplicationState.WITHDRAWN: "withdrawn",
        ApplicationState.ENDED: "ended",
    },
}
_RESTART_FAILURES = {
    Language.JA: {
        RestartReason.OFFLINE: "UTMと通信できませんでした",
        RestartReason.NOT_CONFIRMED: "UTMから応答がありませんでした",
        RestartReason.NO_RESULT: "UTMは再起動を始めましたが、完了の連絡がありませんでした",
        RestartReason.DEVICE: "UTMから再起動できないとの連絡がありました",
    },
    Language.EN: {
        RestartReason.OFFLINE: "the UTM could not be reached",
        RestartReason.NOT_CONFIRMED: "the UTM did not answer",
        RestartReason.NO_RESULT: "the UTM began to restart, but never reported that it was back",
        RestartReason.DEVICE: "the UTM reported that it could not restart",
    },
}
_LONGEST_QUOTE = 200
_UNITS = (
    (timedelta(days=1), "日", "day"),
    (timedelta(hours=1), "時間", "hour"),
    (timedelta(minutes=1), "分", "minute"),
)


def moment(instant: datetime, zone: str, language: Language) -> str:
    """`2027年1月5日(火) 10:00` or `Tue 5 January 2027, 10:00 (JST)`.

    Japanese names the zone only where it is not Japan's own.
    """
    local = instant.astimezone(ZoneInfo(zone))
    shown = day(local.date(), language)
    if language is Language.EN:
        return f"{shown}, {local:%H:%M} ({_zone_name(local)})"
    return f"{shown} {local:%H:%M}" if zone == _HOME else f"{shown} {local:%H:%M}（{_zone_name(local)}）"


def day(date_: date, language: Language) -> str:
    """`2027年1月5日(火)` or `Tue 5 January 2027`."""
    weekday = _DAYS[language][date_.weekday()]
    if language is Language.JA:
        return f"{date_.year}年{date_.month}月{date_.day}日({weekday})"
    return f"{weekday} {date_.day} {_MONTHS[date_.month - 1]} {date_.year}"


def length_of_time(length: timedelta, language: Language) -> str:
    """`1時間` or `1 hour`, in the largest unit that measures it exactly; minutes are the smallest."""
    unit, japanese, english = next(entry for entry in _UNITS if not length % entry[0] or entry is _UNITS[-1])
    count = length // unit
    if language is Language.JA:
        return f"{count}{japanese}"
    return f"{count} {english}" if count == 1 else f"{count} {english}s"


def term_length(value: int, unit: TermUnit, language: Language) -> str:
    """`1年` or `6か月`, `1 year` or `6 months`; a term of no length is none (CON-04)."""
    if not value:
        return {Language.JA: "なし（更新しません）", Language.EN: "none (it does not renew)"}[language]
    if language is Language.JA:
        return f"{value}{'年' if unit is TermUnit.YEAR else 'か月'}"
    return f"{value} {unit}" if value == 1 else f"{value} {unit}s"


def contract_goes_on(language: Language) -> str:
    """After an undo, as a sentence."""
    return {
        Language.JA: "契約は、解約前の期間と条件のまま続きます。",
        Language.EN: "The contract goes on with the terms it had.",
    }[language]


def contract_has_expired(last_day: date, language: Language) -> str:
    """Likewise, where its last term has ended while it was cancelled."""
    said = day(last_day, language)
    return {
        Language.JA: f"ただし、契約期間は{said}に満了しているため、契約は続かず、期限切れとなります。",
        Language.EN: f"The contract does not go on: its last term ended on {said}, and it is expired.",
    }[language]


def yen(amount: int, language: Language) -> str:
    """`12,000円` or `12,000 yen`, without tax."""
    return f"{amount:,}円" if language is Language.JA else f"{amount:,} yen"


def person_name(last_name: str, first_name: str, language: Language) -> str:
    """`山田 太郎` or `Taro Yamada`."""
    parts = (last_name, first_name) if language is Language.JA else (first_name, last_name)
    return " ".join(part for part in parts if part)


def postal_address(postal_code: str, address: str, language: Language) -> str:
    """`〒105-0011 東京都港区芝公園4-2-8`, or with the postal code at the end."""
    return f"〒{postal_code} {address}" if language is Language.JA else f"{address}, {postal_code}"


def application_state(state: ApplicationState, language: Language) -> str:
    return _STATES[language][state]


def restart_failure(reason: RestartReason, said: str | None, language: Language) -> str:
    """Why a restart failed, with what the device itself said of it: a stranger's words, of which one line is quoted."""
    words = _RESTART_FAILURES[language][reason]
    quote = " ".join((said or "").split())
    if not quote:
        return words
    quote = quote if len(quote) <= _LONGEST_QUOTE else f"{quote[: _LONGEST_QUOTE - 1]}…"
    return f"{words}（「{quote}」）" if language is Language.JA else f"{words} (“{quote}”)"


def recipient_name(name: str | None, language: Language) -> str:
    """The name to greet, or what stands for it where none is known: `ご担当者 様`, `Dear Sir or Madam,`."""
    return name or {Language.JA: "ご担当者", Language.EN: "Sir or Madam"}[language]


def nothing(language: Language) -> str:
    """What stands where there is no value, such as the arrival date before the first one."""
    return {Language.JA: "－", Language.EN: "–"}[language]


def _zone_name(local: datetime) -> str:
    """`JST`; where the zone database has only an offset for it, `UTC+08:00`."""
    name = local.tzname() or ""
    if name.isalpha():
        return name
    offset = f"{local:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}"
