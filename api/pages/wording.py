"""The pages' words in both languages: by name, (Japanese, English). Braces name what is filled in."""

import functools
from collections.abc import Mapping
from types import MappingProxyType

from api.pages.account_wording import ACCOUNT_WORDS
from api.pages.application_wording import APPLICATION_WORDS
from api.pages.approval_wording import APPROVAL_WORDS
from api.pages.operator_wording import OPERATOR_WORDS
from models.vocabulary import Language

_FRAME_WORDS: dict[str, tuple[str, str]] = {
    "product": ("お手続き", "Tetsuzuki"),
    "skip_to_content": ("本文へ移動", "Skip to the content"),
    "language_name_ja": ("日本語", "日本語"),
    "language_name_en": ("English", "English"),
    "required": ("必須", ""),
    "optional": ("任意", "optional"),
    "choose": ("選択してください", "Choose one"),
    "error": ("エラー", "Error"),
    "notice": ("ご確認ください", "Please check"),
    "errors_title": ("入力内容をご確認ください", "Please check what you entered"),
    "errors_count": (
        "{count}か所に誤りがあります。項目名を選ぶと、その欄に移動します。",
        "Wrong entries: {count}. Choose one to go there.",
    ),
    "stale_form": (
        "画面を開いてから時間がたったため、まだ送信されていません。内容をご確認のうえ、もう一度ボタンを押してください。",
        "The page was open for too long, so nothing has been sent yet. Please check it and press the button once more.",
    ),
    "close_page": ("このページは閉じてかまいません。", "You can close this page."),
    "footer": (
        "このページは、メールまたはご案内のリンクからのみ開くことができます。",
        "This page can be reached only by the link you were given.",
    ),
    "deadline": ("期限", "Deadline"),
    "tenant_id": ("テナントID", "Tenant ID"),
    "tenant_name": ("テナント名", "Tenant name"),
    "mail_address": ("メールアドレス", "Mail address"),
    "error_id": ("エラー番号", "Error number"),
    "no_entry": ("－", "–"),
    # What became of a link, or why a page cannot be shown: a title and a sentence by the refusal's code.
    "not_found_title": ("ページが見つかりません", "There is no such page"),
    "not_found_text": (
        "リンクが正しくないか、途中で切れている可能性があります。メールのリンクをもう一度開くか、アドレス全体をコピーして開いてください。",
        "The link is wrong or was cut off on its way. Please open it from the mail again, or copy the whole address.",
    ),
    "link_expired_title": ("リンクの有効期限が切れています", "This link has expired"),
    "link_expired_text": ("このリンクはご利用いただけません。", "It can no longer be used."),
    "link_withdrawn_title": ("このリンクは取り消されています", "This link has been withdrawn"),
    "link_withdrawn_text": (
        "新しいリンクが送られている場合は、最新のメールのリンクを開いてください。",
        "If a newer mail has reached you, please open the link in that one.",
    ),
    "link_used_title": ("このリンクは使用済みです", "This link has been used"),
    "link_used_text": ("このリンクは一度だけ使用できます。", "It works only once."),
    "tenant_suspended_title": ("現在、受け付けを停止しています", "Not open at present"),
    "tenant_suspended_text": (
        "このページからのお申し込みは、現在受け付けていません。",
        "Applications are not being taken here at present.",
    ),
    "refused_referrer_title": ("このページは直接開くことができません", "This page cannot be opened directly"),
    "refused_referrer_text": (
        "{tenant}が指定したウェブサイトのリンクからのみ開くことができます。案内元のウェブサイトから開いてください。",
        "It opens only from the websites that {tenant} has chosen. Please follow the link on the one you came from.",
    ),
    "refused_referrer_hint": (
        "それでもこの画面が表示される場合は、ブラウザの設定で参照元（リファラ）の送信が止められている可能性があります。",
        "If you came by that link, your browser may be set to keep back where you come from (the referrer).",
    ),
    "forbidden_title": ("送信を受け付けられませんでした", "This was not taken"),
    "forbidden_text": (
        "別のサイトから送信されたため、受け付けていません。リンクをもう一度開き、表示されたページから操作してください。",
        "It was sent from another site. Please open the link again and use the page itself.",
    ),
    "too_many_requests_title": ("操作の回数が上限に達しました", "Too many requests"),
    "too_many_requests_text": (
        "短い時間に操作が続いたため、受け付けていません。しばらくしてから、もう一度お試しください。",
        "There were too many in a short time. Please wait a little and try again.",
    ),
    "unavailable_title": ("ただいまご利用いただけません", "Not available just now"),
    "unavailable_text": (
        "内容は送信されていません。しばらくしてから、もう一度お試しください。",
        "Nothing has been sent. Please try again in a little while.",
    ),
    "not_done_yet_title": ("受け付けました", "Received"),
    "not_done_yet_text": (
        "処理に少し時間がかかっています。内容は確かに受け付けましたので、再度の送信は不要です。",
        "It is taking a little longer than usual. It has been received; there is no need to send it again.",
    ),
    "internal_error_title": ("エラーが発生しました", "Something went wrong"),
    "internal_error_text": (
        "申し訳ありません。もう一度お試しのうえ、解消しない場合は次の番号を添えてお問い合わせください。",
        "We are sorry. Please try again; if it does not help, name this number when you report it.",
    ),
    "refused_title": ("受け付けられませんでした", "This was not taken"),
}


@functools.cache
def words(language: Language) -> Mapping[str, str]:
    """Everything that a page may say, in one language."""
    place = 0 if language is Language.JA else 1
    tables = (_FRAME_WORDS, APPLICATION_WORDS, APPROVAL_WORDS, ACCOUNT_WORDS, OPERATOR_WORDS)
    return MappingProxyType({name: said[place] for table in tables for name, said in table.items()})
