"""The inbox's own few words, each in Japanese and in English."""

from models.vocabulary import Language

_WORDS: dict[str, tuple[str, str]] = {
    "inbox": ("受信トレイ", "Inbox"),
    "tagline": (
        "この環境から送られたメールはすべてここに届きます。外部には送信されません。",
        "Every mail sent from here arrives here. None leaves this machine.",
    ),
    "to": ("宛先", "To"),
    "sender": ("差出人", "From"),
    "subject": ("件名", "Subject"),
    "received": ("受信日時", "Received"),
    "no_subject": ("(件名なし)", "(no subject)"),
    "search": ("絞り込む", "Filter"),
    "clear": ("すべて表示", "Show all"),
    "watch": ("自動更新", "Refresh by itself"),
    "stop_watching": ("自動更新をやめる", "Stop refreshing"),
    "empty": ("メールはまだありません。", "No mail yet."),
    "older": ("以前のメール", "Older mails"),
    "back": ("一覧へ戻る", "Back to the list"),
    "as_html": ("HTML", "HTML"),
    "as_text": ("テキスト", "Text"),
    "headers": ("ヘッダー", "Headers"),
    "attachments": ("添付ファイル", "Attachments"),
    "raw": ("原文", "Source"),
}

WORDING: dict[Language, dict[str, str]] = {
    Language.JA: {name: words[0] for name, words in _WORDS.items()},
    Language.EN: {name: words[1] for name, words in _WORDS.items()},
}
