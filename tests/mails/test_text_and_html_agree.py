"""The HTML part is laid out from the text, and says neither more nor less."""

import pytest

from mail_templates.rendering import inert
from mail_templates.syntax import Template
from models.vocabulary import Language, Mail
from tests.mails.mail_samples import EVERY_HTML_MAIL, rendered
from tests.mails.reading_html import read, words

FREELY_WRITTEN = """前文 {{ApplicantName}} 様
https://mirai.example.jp/help?a=1&b=2, (http://a.example/x).

申請番号：{{ApplicationNumber}}
会社名: {{CompanyName}}
10:30 に伺います

確認:
{{ConfirmURL}}
期限：{{Deadline}}
----
<b>太字ではない</b> & "引用"

{{ConfirmURL}}
=====
署名: {{TenantName}}
▼ 末尾
"""


@pytest.mark.requirement("TPL-04")
@pytest.mark.parametrize(("mail", "language"), EVERY_HTML_MAIL)
def test_both_parts_say_the_same_words(mail: Mail, language: Language) -> None:
    """Word for word, in the same order."""
    sample = rendered(mail, language)
    assert read(sample.html).words == words(sample.text)


def test_both_parts_of_a_tenants_text_say_the_same_words() -> None:
    """However it is laid out."""
    sample = rendered(Mail.APPLICATION_CONFIRMATION, template=Template("件名", FREELY_WRITTEN))
    assert read(sample.html).words == words(sample.text)


def test_only_link_placeholders_and_typed_urls_are_links() -> None:
    """A URL that a tenant typed is a link to what it says; punctuation after it is not part of it."""
    sample = rendered(Mail.APPLICATION_CONFIRMATION, template=Template("件名", FREELY_WRITTEN))
    link = "https://portal.example.jp/l/sample-of-a-link"
    assert read(sample.html).links == [
        "https://mirai.example.jp/help?a=1&b=2",
        "http://a.example/x",
        link,
        link,
        link,
    ]


def test_a_label_above_a_link_becomes_a_button() -> None:
    """And the link stays readable below it."""
    seen = read(rendered(Mail.APPLICATION_CONFIRMATION).html)
    buttons = [attributes for tag, attributes in seen.tags if tag == "a" and ("class", "button") in attributes]
    assert len(buttons) == 1
    assert len(seen.links) == 2
    assert words("https://portal.example.jp/l/sample-of-a-link")[-1] in seen.words


@pytest.mark.parametrize(("mail", "language"), EVERY_HTML_MAIL)
def test_a_mail_loads_nothing_from_elsewhere(mail: Mail, language: Language) -> None:
    """No images, fonts, scripts or styles that would tell who reads it."""
    html = rendered(mail, language).html or ""
    assert {tag for tag, _ in read(html).tags} <= {
        *("html", "head", "meta", "title", "style", "body", "table", "tbody", "tr", "td", "th", "p", "div", "a", "br"),
    }
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize(("mail", "language"), EVERY_HTML_MAIL)
def test_a_mail_says_its_language_and_its_sender(mail: Mail, language: Language) -> None:
    """A screen reader knows how to speak it; the head names the sender as From does."""
    html = rendered(mail, language).html or ""
    assert f'<html lang="{language}">' in html
    assert (
        inert({Language.JA: "みらいセキュリティ サポート窓口", Language.EN: "Mirai Security Support"}[language]) in html
    )
