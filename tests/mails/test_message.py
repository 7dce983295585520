"""The bytes of a mail, as the mail server gets them."""

import dataclasses
import email
import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_templates.message import UnsafeMailError, _head, display_name, is_smtp, wire_bytes
from mail_templates.rendering import Brand, Rendered
from models.vocabulary import Language, Mail
from tests.mails.mail_samples import ENVELOPE, EVERY_MAIL, rendered
from tests.mails.test_values_stay_inert import NASTY

HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language"),
    *("MIME-Version", "Content-Type"),
]


def read(wire: bytes) -> EmailMessage:
    message = email.message_from_bytes(wire, EmailMessage, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return part.get_content().replace("\r\n", "\n") if part else None


@pytest.mark.parametrize(("mail", "language"), EVERY_MAIL)
def test_a_mail_reads_back_as_it_was_rendered(mail: Mail, language: Language) -> None:
    """Subject, both parts, language, sender and recipient."""
    sample = rendered(mail, language)
    message = read(wire_bytes(sample, ENVELOPE))
    assert message.get("Subject", "") == sample.subject
    assert body(message, "plain") == sample.text
    assert body(message, "html") == sample.html
    assert message["Content-Language"] == language
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["To"] == "taro@minato.example.jp"


@pytest.mark.requirement("GEN-03")
def test_trying_again_sends_the_same_bytes() -> None:
    """The Message-ID and the date are the ledger's, and nothing is drawn by chance."""
    sample = rendered(Mail.STAFF_SIGNUP)
    assert wire_bytes(sample, ENVELOPE) == wire_bytes(sample, ENVELOPE)
    message = read(wire_bytes(sample, ENVELOPE))
    assert message["Message-ID"] == ENVELOPE.message_id
    assert message["Date"].datetime == datetime(2027, 1, 5, 1, 0, tzinfo=UTC)


def test_a_mail_has_its_headers_and_no_others() -> None:
    """Each once."""
    assert read(wire_bytes(rendered(Mail.STAFF_SIGNUP), ENVELOPE)).keys() == HEADERS


def test_a_text_message_is_text_alone() -> None:
    """It goes to the gateway without a subject or an HTML part."""
    message = read(wire_bytes(rendered(Mail.PASSWORD_RESET_SMS), ENVELOPE))
    assert message["Subject"] is None
    assert message.get_content_type() == "text/plain"


@pytest.mark.parametrize("length", range(60, 90))
def test_a_plain_subject_of_any_length_stands_on_its_own_line(length: int) -> None:
    """Not below an empty one, which readers show with a blank before it."""
    sample = dataclasses.replace(rendered(Mail.STAFF_SIGNUP), subject=("abc, def " * 20)[:length].strip())
    assert f"\r\nSubject: {sample.subject}\r\n".encode() in wire_bytes(sample, ENVELOPE)


@pytest.mark.requirement("TPL-06")
@given(company=NASTY, tenant=NASTY, sender=NASTY)
def test_no_name_adds_a_header_or_a_recipient(company: str, tenant: str, sender: str) -> None:
    """Whatever the names are, the mail is built, and has its headers, its one recipient and its one sender."""
    sample = rendered(
        Mail.APPLICATION_DECIDED, brand=Brand(tenant, sender), CompanyName=company, ApplicationNumber=company
    )
    wire = wire_bytes(sample, dataclasses.replace(ENVELOPE, sender_name=sender))
    message = read(wire)
    assert message.keys() == HEADERS
    assert [address.addr_spec for address in message["To"].addresses] == [ENVELOPE.recipient]
    assert [address.addr_spec for address in message["From"].addresses] == [ENVELOPE.sender]
    assert b"\0" not in wire
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", wire)
    assert max(map(len, wire.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("line", "is_carried"),
    [
        (b"x" * 998 + b"\r\n", True),
        (b"x" * 999 + b"\r\n", False),
        (b"x" * 999, False),
        (b"\n", False),
        (b"\r", False),
        (b"\n\r", False),
        (b"\r\r\n\n", False),
        (b"\0\r\n", False),
        (b"\x7f\r\n", True),
        (b"\x80\r\n", False),
    ],
)
def test_what_smtp_does_not_carry_is_seen(line: bytes, *, is_carried: bool) -> None:
    """Wherever it stands among ordinary lines."""
    ordinary = b"x" * 76 + b"\r\n"
    assert is_smtp(ordinary + line + b"\r\n" + ordinary) is is_carried
    assert is_smtp(ordinary + line) is is_carried


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "taro",
        "taro@",
        "a@b.example,c@d.example",
        "a@b.example c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\n",
        "a@b.example\0",
        "Taro <a@b.example>",
        "<a@b.example>",
        '"a b"@b.example',
        "=?utf-8?q?a?=@b.example",
        "a@b@c.example",
        ".a@b.example",
        "a..b@b.example",
        "a@b..example",
        "a@-b.example",
        "a@b.example;c@d.example",
        "太郎@b.example",
        "a@日本.example",
        f"{'a' * 65}@b.example",
        f"a@{'b.' * 130}example",
    ],
)
def test_a_recipient_is_one_bare_address(recipient: str) -> None:
    """Anything else is not sent at all."""
    with pytest.raises(UnsafeMailError):
        wire_bytes(rendered(Mail.STAFF_SIGNUP), dataclasses.replace(ENVELOPE, recipient=recipient))


@pytest.mark.parametrize(
    "recipient",
    ["o'hara+x=1@b.example", "09012345678@sms.tetsuzuki.example", f"{'a' * 64}@{'b' * 60}.{'c' * 60}.jp", "a@b"],
)
def test_odd_but_proper_addresses_are_written_as_they_are(recipient: str) -> None:
    """On one line, and not as encoded words."""
    wire = wire_bytes(rendered(Mail.STAFF_SIGNUP), dataclasses.replace(ENVELOPE, recipient=recipient))
    assert f"\r\nTo: {recipient}\r\n".encode() in wire


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?a=0D=0ABcc:_evil@example.com?=",
        "=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?=",
        "a\r\nBcc: evil@example.com",
        "a\nb",
        "a\0b",
    ],
)
def test_a_subject_that_got_past_the_rendering_is_stopped(subject: str) -> None:
    """The guard does not trust what it is given."""
    sample = dataclasses.replace(rendered(Mail.STAFF_SIGNUP), subject=subject)
    with pytest.raises(UnsafeMailError):
        wire_bytes(sample, ENVELOPE)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\r\r\n"])
def test_a_line_that_does_not_end_as_others_do_is_stopped(ending: str) -> None:
    """A carriage return would travel as it is, and readers differ in what they make of it."""
    sample = rendered(Mail.STAFF_SIGNUP)
    for odd in (
        dataclasses.replace(sample, text=f"one{ending}two\n"),
        dataclasses.replace(sample, html=f"<p>one{ending}two</p>\n"),
    ):
        with pytest.raises(UnsafeMailError, match="end LF"):
            wire_bytes(odd, ENVELOPE)


def test_a_header_that_folding_added_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when nothing before it saw the encoded word: the final bytes are compared with what was meant."""
    monkeypatch.setattr("mail_templates.message._NOT_A_SUBJECT", re.compile("(?!)"))
    sample = Rendered(Language.EN, "=?utf-8?q?a=0D=0ABcc:_evil@example.com?=", "text\n", "<p>text</p>\n")
    with pytest.raises(UnsafeMailError):
        wire_bytes(sample, ENVELOPE)


@pytest.mark.parametrize("line", ["Bcc: evil@example.com", "To: evil@example.com", "X-Priority: 1"])
def test_a_header_that_nobody_meant_is_stopped(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Another recipient, or anything else: the names of the headers are exactly those that were meant, each once."""
    sample = rendered(Mail.STAFF_SIGNUP)
    head = _head(sample, ENVELOPE)
    monkeypatch.setattr("mail_templates.message._head", lambda *_: head + line.encode() + b"\r\n")
    with pytest.raises(UnsafeMailError, match="not meant"):
        wire_bytes(sample, ENVELOPE)


@pytest.mark.parametrize("message_id", ["", "a@b", "<a b@c>", "<a@b>\r\nBcc: x@y.example", "<a>"])
def test_a_message_id_is_one(message_id: str) -> None:
    """It comes from the ledger, but is looked at all the same."""
    with pytest.raises(UnsafeMailError):
        wire_bytes(rendered(Mail.STAFF_SIGNUP), dataclasses.replace(ENVELOPE, message_id=message_id))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("みらい, Inc.", "みらい, Inc."),
        ("support@bank.example", "support＠bank.example"),
        ('"Bank" <a@b.example>', "＂Bank＂ ＜a＠b.example＞"),
        ("a\r\nBcc: x", "a Bcc: x"),
        ("=?utf-8?q?a?=", "= ?utf-8?q?a?="),
        ("", ""),
    ],
)
def test_a_senders_name_is_never_an_address(name: str, shown: str) -> None:
    """A tenant chooses its name, not the address that mails come from."""
    assert display_name(name) == shown
    message = read(wire_bytes(rendered(Mail.STAFF_SIGNUP), dataclasses.replace(ENVELOPE, sender_name=name)))
    (mailbox,) = message["From"].addresses
    assert (mailbox.display_name, mailbox.addr_spec) == (shown, ENVELOPE.sender)


@given(text=st.text(st.sampled_from(".\r\na \u2028あ"), max_size=200))
def test_no_line_of_a_body_means_anything_to_smtp(text: str) -> None:
    """A dot on a line of its own, or a bare line end, is only text."""
    written = text.replace("\r", "") + "\n"
    wire = wire_bytes(Rendered(Language.JA, "s", written, "<p>.</p>\n"), ENVELOPE)
    assert b"\r\n.\r\n" not in wire
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", wire)
