"""The sentences to the codes of wrong fields, in both languages. The sentences of refusals stand with them."""

from models.refusals import FieldError
from models.vocabulary import Language

_SENTENCES: dict[str, tuple[str, str]] = {
    # code: (Japanese, English); braces name the error's limits
    "delegated_before": (
        "ほかの方から任されているため、さらに別の方に任せることはできません。",
        "This was delegated to you; it cannot be delegated again.",
    ),
    "asked_already": ("この方にはすでに承認をお願いしています。", "This person has been asked already."),
    "not_of_the_company": (
        "同じ会社のメールアドレス、または登録されている管理者のアドレスを入力してください。",
        "This must be an address of the same company, or of one of its administrators.",
    ),
    "required": ("入力してください。", "This is required."),
    "too_long": ("{max_length}文字以内で入力してください。", "At most {max_length} characters."),
    "too_short": ("{min_length}文字以上で入力してください。", "At least {min_length} characters."),
    "too_few": ("{min_length}件以上必要です。", "At least {min_length} are needed."),
    "too_many": ("{max_length}件以内にしてください。", "At most {max_length} are allowed."),
    "too_small": ("{minimum}以上にしてください。", "At least {minimum}."),
    "too_large": ("{maximum}以下にしてください。", "At most {maximum}."),
    "unknown_field": ("この項目はありません。", "There is no such field."),
    "read_only": ("この項目は変更できません。", "This cannot be changed here."),
    "unknown_choice": ("選択肢から選んでください: {choices}", "Choose one of: {choices}."),
    "wrong_type": ("形式が正しくありません。", "This has the wrong type."),
    "whole_number": ("整数で入力してください。", "This must be a whole number."),
    "digits_only": ("数字のみで入力してください。", "Digits only."),
    "invalid": ("正しくありません。", "This is not valid."),
    "invalid_characters": ("使用できない文字が含まれています。", "This contains characters that are not allowed."),
    "invalid_mail_address": ("メールアドレスの形式が正しくありません。", "This is not a mail address."),
    "invalid_postal_code": (
        "7桁の数字、または「123-4567」の形式で入力してください。",
        "Seven digits, or three, a hyphen and four.",
    ),
    "invalid_utm_id": ("12桁の16進数（英字は小文字）で入力してください。", "Twelve hex digits, letters in lower case."),
    "invalid_mac_address": (
        "「A0:B1:C2:D3:E4:F5」の形式で入力してください。",
        "Six pairs of hex digits with colons between, such as A0:B1:C2:D3:E4:F5.",
    ),
    "invalid_ip_address": ("IPアドレスが正しくありません。", "This is not an IP address."),
    "mac_of_another_utm": ("UTM IDと一致しません。", "This is not the MAC address of the UTM ID."),
    "no_such_contract": (
        "この顧客企業の有効なUTM契約ではありません。",
        "This is not a contract of the customer that includes UTM and has not ended.",
    ),
    "unknown_prefecture": ("都道府県を選択してください。", "Choose one of the 47 prefectures."),
    "unknown_time_zone": ("タイムゾーン名が正しくありません。", "This is not the name of a time zone."),
    "invalid_url": ("http または https のURLを入力してください。", "This must be an http or https address."),
    "invalid_origin": (
        "「https://ホスト名/」の形式で入力してください。",
        "This must be https://host/ without a path.",
    ),
    "invalid_date": ("日付は「YYYY-MM-DD」の形式で入力してください。", "This must be a date, YYYY-MM-DD."),
    "invalid_period": (
        "「YYYY」「YYYY-MM」「YYYY-MM-DD」のいずれかの形式で入力してください。",
        "This must be a year, a month or a day: YYYY, YYYY-MM or YYYY-MM-DD.",
    ),
    "invalid_instant": (
        "日時はタイムゾーン付きのRFC 3339形式で入力してください。",
        "This must be an instant with its offset (RFC 3339).",
    ),
    "invalid_duration": (
        "期間は「P7D」「PT1H」のようなISO 8601形式で入力してください。",
        "This must be a duration such as P7D or PT1H (ISO 8601).",
    ),
    "in_the_past": ("現在より前の日時は指定できません。", "This is in the past."),
    "too_far_ahead": ("{maximum}日先までの日時を指定してください。", "At most {maximum} days ahead."),
    "no_utm": ("該当するUTMがありません。", "There is no such UTM."),
    "not_a_slot": ("15分単位の日時を指定してください。", "This must be a full quarter of an hour."),
    "date_in_the_past": ("{minimum}以降の日付を指定してください。", "{minimum} is the earliest date."),
    "date_too_far": ("{maximum}以前の日付を指定してください。", "{maximum} is the latest date."),
    "after_contract_end": (
        "契約は{maximum}に満了します。それ以前の日付を指定してください。",
        "The contract ends by itself with {maximum}; choose that day or an earlier one.",
    ),
    "fee_needs_monthly_billing": (
        "解約金を請求できるのは月額課金の契約のみです。",
        "A fee can be billed only for contracts that are billed by the month.",
    ),
    "not_in_catalogue": ("カタログにありません。", "The catalogue does not have this."),
    "only_with_utm": ("UTMを含む商品でのみ指定できます。", "This goes only with a product that includes a UTM."),
    "only_with_shipping": ("発送が必要な場合にのみ指定できます。", "This goes only with shipping."),
    "only_without_shipping": ("発送しない場合にのみ指定できます。", "This goes only without shipping."),
    "already_shipped": ("すでに発送されているため変更できません。", "It has been shipped already."),
    "not_both": ("どちらか一方だけを指定してください: {choices}", "Give only one of: {choices}."),
    "not_for_model": ("このモデルの課金には指定できません。", "This does not go with the charge's model."),
    "invalid_filter": (
        "eq:、ne:、gte:、lte: に続けて値を指定してください。",
        "This must be eq:, ne:, gte: or lte:, and a value.",
    ),
    "invalid_cursor": ("この一覧のカーソルではありません。", "This is not a cursor of this list."),
    "duplicate": ("重複しています。", "This is given twice."),
    "differs": ("確認用の入力と一致しません。", "The two entries differ."),
    "name_needs_space": (
        "姓と名の間に全角スペースを入れてください。",
        "Put a space between family name and given name.",
    ),
    "wrong_password": ("現在のパスワードが正しくありません。", "This is not the current password."),
    "wrong_code": ("確認コードが正しくないか、有効期限が切れています。", "The code is wrong, or no longer valid."),
    "wrong_token": (
        "依頼番号、認証トークン、またはPCが正しくありません。",
        "The request number, the token or the PC is wrong.",
    ),
    "password_characters": (
        "パスワードに使用できない文字が含まれています。",
        "The password contains characters that are not allowed.",
    ),
    "password_is_address": (
        "メールアドレスをパスワードにすることはできません。",
        "The password must not be the mail address.",
    ),
    "not_for_sms": ("SMSには件名がありません。", "A text message has no subject."),
    "line_break": (
        "件名は1行で入力してください（{column}文字目に改行があります）。",
        "The subject must be one line; it breaks at column {column}.",
    ),
    "encoded_word": (
        "{column}文字目の「=?」は件名に使用できません。",
        "“=?” at column {column} cannot stand in a subject.",
    ),
    "too_many_bytes": ("{max_bytes}バイト以内で入力してください。", "At most {max_bytes} bytes."),
    "control_character": (
        "{line}行目の{column}文字目に、送信できない文字（{character}）があります。",
        "Line {line}, column {column}: the character {character} cannot be sent.",
    ),
    "reserved_text": (
        "{line}行目の{column}文字目: {written} はシステムが使用する文字列のため、使用できません。",
        "Line {line}, column {column}: {written} is reserved and cannot stand in a template.",
    ),
    "unknown_placeholder": (
        "{line}行目の{column}文字目: {written} はこのメールでは使用できません。使用できる差し込み文字: {allowed}",
        "Line {line}, column {column}: {written} is not a placeholder of this mail. Allowed: {allowed}.",
    ),
    "template_expression": (
        "{line}行目の{column}文字目: {written} は使用できません。差し込み文字は {{{{Name}}}} の形で書いてください。",
        "Line {line}, column {column}: {written} cannot stand in a template. Placeholders are written {{{{Name}}}}.",
    ),
    "unbalanced_brace": (
        "{line}行目の{column}文字目: 「{written}」に対応するかっこがありません。",
        "Line {line}, column {column}: “{written}” is a brace without its counterpart.",
    ),
    "placeholder_missing": (
        "本文に {written} が必要です。",
        "The body needs {written}.",
    ),
    "placeholder_repeated": (
        "{line}行目の{column}文字目: {written} は一度だけ使用できます。",
        "Line {line}, column {column}: {written} can stand there only once.",
    ),
    "placeholder_not_in_subject": (
        "{column}文字目: {written} は件名には使用できません。",
        "Column {column}: {written} can only stand in the body.",
    ),
    "link_not_alone": (
        "{line}行目の{column}文字目: {written} の前後は、改行または空白で区切ってください。",
        "Line {line}, column {column}: put {written} on a line of its own, or spaces around it.",
    ),
    "password_common": ("よく使われているため推測されやすいパスワードです。", "This password is too easy to guess."),
}

CODES = frozenset(_SENTENCES)


def sentence(error: FieldError, language: Language) -> str:
    """What to tell a person about a wrong field."""
    japanese, english = _SENTENCES[error.code]
    return (japanese if language is Language.JA else english).format_map(error.limits)


def sentences() -> list[tuple[str, str, str]]:
    """All of them, for the documentation: (code, English, Japanese)."""
    return sorted((code, english, japanese) for code, (japanese, english) in _SENTENCES.items())
