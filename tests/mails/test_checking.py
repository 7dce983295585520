"""Which templates may be saved, and how the others are refused (TPL-03)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wording import sentence
from mail_templates.checking import check_template
from mail_templates.rendering import default_template
from mail_templates.syntax import Template
from models.vocabulary import Language, Mail

pytestmark = pytest.mark.requirement("TPL-03")

LINK = "{{ConfirmURL}}"


def errors(subject: str, body: str, mail: Mail = Mail.APPLICATION_CONFIRMATION) -> list[tuple[str, str, int, int]]:
    """(field, code, line, column) of each."""
    return [
        (error.field, error.code, int(error.limits["line"]), int(error.limits["column"]))
        for error in check_template(mail, Template(subject, body))
    ]


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("件名", LINK),
        ("件名 {{ApplicationNumber}}", f"{{{{ApplicantName}}}} 様\n\n確認ページ：{LINK}\n"),
        ("100% ［確認］", f"半額 50% ｛全角｝ <b> & $5\t{LINK}"),
        ("a", f"See {LINK} soon."),
        ("a", f"{LINK}\r\nb"),
    ],
)
def test_what_may_be_saved(subject: str, body: str) -> None:
    """Text with placeholders, and any other characters that are not of a template language."""
    assert errors(subject, body) == []


@pytest.mark.parametrize(
    ("subject", "body", "expected"),
    [
        ("", LINK, ("subject", "required", 1, 1)),
        (" \u3000", LINK, ("subject", "required", 1, 1)),
        ("a", " \n", ("body", "required", 1, 1)),
        ("a\nb", LINK, ("subject", "line_break", 1, 2)),
        ("a\n", LINK, ("subject", "line_break", 1, 2)),
        ("a\rb", LINK, ("subject", "line_break", 1, 2)),
        ("ab\u2028c", LINK, ("subject", "line_break", 1, 3)),
        ("x" * 201, LINK, ("subject", "too_long", 1, 201)),
        ("=?utf-8?q?a?=", LINK, ("subject", "encoded_word", 1, 1)),
        ("a{{ConfirmURL}}", LINK, ("subject", "placeholder_not_in_subject", 1, 2)),
        ("{{Nobody}}", LINK, ("subject", "unknown_placeholder", 1, 1)),
        ("a", f"{LINK}\n様 {{{{Memo}}}}", ("body", "unknown_placeholder", 2, 3)),
        ("a", f"{LINK}\n{{{{applicationNumber}}}}", ("body", "unknown_placeholder", 2, 1)),
        ("a", f"{LINK}\n{{{{ ApplicationNumber }}}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{{{ApplicationNumber|upper}}}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{{{''.__class__}}}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{{{}}}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{ApplicationNumber}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n${{ApplicationNumber}}", ("body", "template_expression", 2, 2)),
        ("a", f"{LINK}\n{{{{{{ApplicationNumber}}}}}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{% if a %}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n{{# a #}}", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\n<%", ("body", "template_expression", 2, 1)),
        ("a", f"{LINK}\na {{{{ApplicationNumber", ("body", "unbalanced_brace", 2, 3)),
        ("a", f"{LINK}\n{{{{Application\nNumber", ("body", "unbalanced_brace", 2, 1)),
        ("a", f"{LINK}\n:-}}", ("body", "unbalanced_brace", 2, 3)),
        ("a", f"{LINK}\n\0", ("body", "control_character", 2, 1)),
        ("a", f"{LINK}\n\ud800", ("body", "control_character", 2, 1)),
        ("a", f"{LINK}\na withheld-until-sending", ("body", "reserved_text", 2, 3)),
        ("a", f"{LINK}\nhttp://x.example/withheld-session-password", ("body", "reserved_text", 2, 18)),
        ("withheld-session-id", LINK, ("subject", "reserved_text", 1, 1)),
        ("a", "b", ("body", "placeholder_missing", 1, 2)),
        ("a", f"{LINK}\n{LINK}", ("body", "placeholder_repeated", 2, 1)),
        ("a", f"https://evil.example/?u={LINK}", ("body", "link_not_alone", 1, 25)),
        ("a", f"evil.example{LINK}", ("body", "link_not_alone", 1, 13)),
        ("a", f"{LINK}.evil.example", ("body", "link_not_alone", 1, 1)),
        ("a", f"{LINK}を開く", ("body", "link_not_alone", 1, 1)),
        ("a", LINK + "\n" + "あ" * 11000, ("body", "too_many_bytes", 1, 1)),
    ],
)
def test_what_is_refused_and_where(subject: str, body: str, expected: tuple[str, str, int, int]) -> None:
    """The field, the reason, the line and the column."""
    assert errors(subject, body) == [expected]


def test_a_text_message_has_no_subject_and_needs_its_code() -> None:
    """And is no longer than carriers take."""
    sms = Mail.PASSWORD_RESET_SMS
    assert errors("", "{{Code}}", sms) == []
    assert errors("a", "{{Code}}", sms) == [("subject", "not_for_sms", 1, 1)]
    assert errors("", "a", sms) == [("body", "placeholder_missing", 1, 2)]
    assert errors("", "{{Code}}" + "a" * 660, sms) == [("body", "too_long", 1, 661)]


def test_every_error_is_told_at_once() -> None:
    """The subject's first."""
    found = errors("{{A}} {%b%}", "{{C}}")
    assert [code for _, code, _, _ in found] == [
        "unknown_placeholder",
        "template_expression",
        "unknown_placeholder",
        "placeholder_missing",
    ]


def test_the_reason_names_the_spot_in_both_languages() -> None:
    """So that a person finds it."""
    (error,) = check_template(Mail.APPLICATION_CONFIRMATION, Template("a", f"{LINK}\n様 {{{{Memo}}}}"))
    for language in Language:
        told = sentence(error, language)
        assert "{{Memo}}" in told
        assert "{{ApplicationNumber}}" in told
        assert "2" in told
        assert "3" in told


@pytest.mark.parametrize("flood", ["{" * 32000, "{{" * 16000 + "}", "{{A}}" * 6500, "{ " * 16000, "<" * 32000])
def test_a_flood_of_braces_is_refused_quickly(flood: str) -> None:
    """The scan takes one step per character, so no text keeps the API busy."""
    begun = time.perf_counter()
    check_template(Mail.APPLICATION_CONFIRMATION, Template("a", flood))
    assert time.perf_counter() - begun < 5


@given(st.text(st.sampled_from("{}<>%#|.aN \n\r\t?="), max_size=40))
def test_whatever_passes_holds_placeholders_only(body: str) -> None:
    """No brace is left over when the known placeholders are taken out."""
    mail = Mail.APPLICATION_COMPLETED
    if not check_template(mail, Template("a", body)):
        assert not set("{}") & set(body.replace("{{ApplicationNumber}}", ""))


def test_a_template_may_be_checked_as_it_is_stored() -> None:
    """The default's subject and body, as the API gives them out, can be sent back."""
    for mail in Mail:
        assert check_template(mail, default_template(mail, Language.EN)) == []
