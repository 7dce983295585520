"""What the tests of mails share: every mail in every language, rendered as a preview would show it."""

from datetime import UTC, datetime

import pytest

from mail_templates.catalogue import CATALOGUE, Channel
from mail_templates.message import Envelope
from mail_templates.rendering import Brand, Rendered, default_template, render
from mail_templates.syntax import Template
from models.vocabulary import Language, Mail

EVERY_MAIL = [pytest.param(mail, language, id=f"{mail}.{language}") for mail in Mail for language in Language]
EVERY_HTML_MAIL = [
    pytest.param(mail, language, id=f"{mail}.{language}")
    for mail in Mail
    for language in Language
    if CATALOGUE[mail].channel is Channel.MAIL
]
BRANDS = {
    Language.JA: Brand("みらいセキュリティ株式会社", "みらいセキュリティ サポート窓口"),
    Language.EN: Brand("Mirai Security", "Mirai Security Support"),
}
ENVELOPE = Envelope(
    message_id="<0194f6a2b7c87d51a0b1c2d3e4f50617@tetsuzuki>",
    date=datetime(2027, 1, 5, 1, 0, tzinfo=UTC),
    sender="no-reply@tetsuzuki.example",
    sender_name="みらいセキュリティ サポート窓口",
    recipient="taro@minato.example.jp",
)


def rendered(
    mail: Mail,
    language: Language = Language.JA,
    *,
    template: Template | None = None,
    brand: Brand | None = None,
    **values: str,
) -> Rendered:
    """The sample mail, with other values, another template or another brand where given."""
    return render(
        mail,
        language,
        template=template or default_template(mail, language),
        values={**CATALOGUE[mail].sample_values(language), **values},
        brand=brand or BRANDS[language],
    )
