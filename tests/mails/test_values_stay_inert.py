"""Values land as plain text wherever they land (TPL-06)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_templates.placeholders import PLACEHOLDERS, PlaceholderKind
from mail_templates.rendering import SECRET_WITHHELD, Brand, WrongValuesError, inert, render, with_secret
from mail_templates.syntax import Template, filled, normalized, pieces
from models.vocabulary import Language, Mail
from tests.mails.mail_samples import BRANDS, rendered
from tests.mails.reading_html import read

pytestmark = pytest.mark.requirement("TPL-06")

NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("{}%#$<>&\"'=?\r\n\0\t\u200b\u202e\u2028\u3000:/.@"),
    ),
    max_size=80,
) | st.sampled_from(
    [
        "{{ConfirmURL}}",
        "{{TenantName}}",
        "{{ 7*7 }}",
        "{% for x in y %}",
        "''.__class__.__mro__",
        "=?utf-8?q?=0D=0ABcc:_evil@example.com?=",
        "a\r\nBcc: evil@example.com",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "http://evil.example/",
        "WWW.evil.example",
        "h\u200bttp:\u2060//evil.example",
        SECRET_WITHHELD,
    ]
)


@given(company=NASTY, person=NASTY)
def test_template_syntax_in_a_value_is_only_text(company: str, person: str) -> None:
    """What a value holds is never read as a placeholder: it stands there as it came."""
    text = filled("{{CompanyName}}|{{ApplicantName}}", {"CompanyName": company, "ApplicantName": person})
    assert text == f"{company}|{person}"


@given(company=NASTY, person=NASTY)
def test_no_value_changes_the_html_around_it(company: str, person: str) -> None:
    """The same tags with the same attributes, and the same links, whatever the names are."""
    sample = read(rendered(Mail.APPLICATION_CONFIRMATION).html)
    seen = read(rendered(Mail.APPLICATION_CONFIRMATION, CompanyName=company, ApplicantName=person).html)
    assert seen.tags == sample.tags
    assert seen.links == sample.links


@given(name=NASTY, sender=NASTY, number=NASTY)
def test_a_subject_is_one_line_that_decodes_to_nothing_else(name: str, sender: str, number: str) -> None:
    """However the values are made, and however long they are."""
    mail = rendered(Mail.APPLICATION_CONFIRMATION, brand=Brand(name, sender), ApplicationNumber=number * 5)
    assert mail.subject.splitlines() == [mail.subject]
    assert "=?" not in mail.subject
    assert len(mail.subject) <= 200


def test_an_encoded_word_cannot_be_put_together_from_pieces() -> None:
    """Half of it typed in the template, half of it in a value."""
    template = Template("={{CompanyName}}", "{{ConfirmURL}}")
    mail = rendered(Mail.APPLICATION_CONFIRMATION, template=template, CompanyName="?utf-8?q?x?=")
    assert "=?" not in mail.subject


@given(value=NASTY)
def test_a_value_is_one_visible_line_without_a_link(value: str) -> None:
    """Mail programs make links of `http://…` and `www.…` by themselves, so values do not hold them."""
    line = inert(value)
    assert line.splitlines() in ([line], [])
    assert not re.search(r"[a-z]://|\bwww\.", line, re.IGNORECASE)
    assert inert(line) == line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("山田\u3000太郎", "山田\u3000太郎"),
        ("a\r\nBcc: b@example.com", "a Bcc: b@example.com"),
        ("a\n\n\n b", "a b"),
        ("\u202eevil\u200b\ufeff", "evil"),
        ("a\0b", "ab"),
        ("http://evil.example", "http[:]//evil.example"),
        ("see Www.evil.example", "see Www[.]evil.example"),
        ("10:30 // 株式会社A.com", "10:30 // 株式会社A.com"),
        ("葛\U000e0100城", "葛\U000e0100城"),
        ("\ud800x", "x"),
    ],
)
def test_what_becomes_of_a_value(value: str, shown: str) -> None:
    """Names keep what names need, variants of characters among it; what could do harm goes."""
    assert inert(value) == shown


@pytest.mark.parametrize(
    "wrong", ["javascript:alert(1)", "", "//host/", "https://host/ x", 'https://h/"x', "https://h/\r\n"]
)
def test_a_link_is_a_whole_url_or_nothing(wrong: str) -> None:
    """A link that is none is the sender's mistake, and is told."""
    with pytest.raises(WrongValuesError):
        rendered(Mail.APPLICATION_CONFIRMATION, ConfirmURL=wrong)


def test_a_missing_or_unknown_value_is_told() -> None:
    """By name, so that a mail with a gap is never sent."""
    template = Template("s", "{{ConfirmURL}}")
    with pytest.raises(WrongValuesError, match="ApplicantName"):
        render(Mail.APPLICATION_COMPLETED, Language.JA, template=template, values={}, brand=BRANDS[Language.JA])
    with pytest.raises(WrongValuesError, match="Memo"):
        rendered(Mail.APPLICATION_COMPLETED, Memo="x")


@given(source=st.lists(st.sampled_from([*"{}%a \n\r\t", "{{ApplicantName}}"])).map("".join))
def test_cutting_a_template_into_pieces_loses_nothing(source: str) -> None:
    """And line ends are brought into one form once and for all."""
    assert "".join(text for text, _ in pieces(source)) == source
    assert normalized(normalized(source)) == normalized(source)


def test_the_secret_is_put_in_only_when_the_mail_is_sent() -> None:
    """What the ledger keeps holds the place of it; what is sent holds it wherever the link stands."""
    kept = rendered(Mail.STAFF_SIGNUP, SignupURL=f"https://portal.example.jp/links/{SECRET_WITHHELD}")
    sent = with_secret(kept, "T8000000-s3cret_token")
    assert "https://portal.example.jp/links/T8000000-s3cret_token" in sent.text
    assert read(sent.html).links == ["https://portal.example.jp/links/T8000000-s3cret_token"] * 2
    assert SECRET_WITHHELD not in f"{sent.subject}{sent.text}{sent.html}"
    assert sent.subject == kept.subject


def test_a_code_is_kept_from_the_ledger_alike() -> None:
    """For a text message."""
    kept = rendered(Mail.PASSWORD_RESET_SMS, Code=SECRET_WITHHELD)
    assert "271828" in with_secret(kept, "271828").text


@pytest.mark.parametrize("secret", ["", "a b", "a\r\nb", "<b>", "あ"])
def test_a_secret_is_a_token_or_a_code(secret: str) -> None:
    """Anything else is the sender's mistake."""
    with pytest.raises(WrongValuesError):
        with_secret(rendered(Mail.PASSWORD_RESET_SMS, Code=SECRET_WITHHELD), secret)


def test_no_text_can_ask_for_the_secret_a_second_time() -> None:
    """Neither a value nor a template gets it anywhere but into the link."""
    by_value = rendered(Mail.STAFF_SIGNUP, SignupURL=f"https://a.example/{SECRET_WITHHELD}", TenantID=SECRET_WITHHELD)
    assert with_secret(by_value, "token").text.count("token") == 1
    template = Template("s", f"{{{{SignupURL}}}}\nhttps://evil.example/?t={SECRET_WITHHELD}")
    by_template = rendered(Mail.STAFF_SIGNUP, template=template, SignupURL=f"https://a.example/{SECRET_WITHHELD}")
    with pytest.raises(WrongValuesError):
        with_secret(by_template, "token")


def test_only_links_and_codes_can_hold_a_secret() -> None:
    """Every placeholder's kind is what its name says."""
    assert {name for name, placeholder in PLACEHOLDERS.items() if placeholder.kind is PlaceholderKind.LINK} == {
        name for name in PLACEHOLDERS if name.endswith("URL")
    }
