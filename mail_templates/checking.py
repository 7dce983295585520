"""Whether a tenant's template may be saved (TPL-03). Every error names its spot, `line` and `column` from 1."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mail_templates.catalogue import CATALOGUE, Channel, MailKind
from mail_templates.placeholders import PLACEHOLDERS, PlaceholderKind
from mail_templates.rendering import RESERVED
from mail_templates.syntax import Template, Token, tokens
from models.refusals import FieldError
from models.vocabulary import Mail

SUBJECT_LIMIT = 200
"""Characters."""
BODY_LIMIT = 32 * 1024
"""Bytes of UTF-8."""
SMS_LIMIT = 660
"""Characters: what Japanese carriers take as one message of several parts."""

_OF_A_URL = frozenset("/.@=?&#%\\")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class _Text:
    """One field of a template, and where things stand in it."""

    field: str
    source: str

    def error(self, code: str, at: int = 0, **limits: str | int) -> FieldError:
        before = self.source[:at]
        column = at - (before.rfind("\n") + 1) + 1
        return FieldError(self.field, code, {"line": before.count("\n") + 1, "column": column, **limits})

    def misplaced(self, code: str, token: Token, **limits: str | int) -> FieldError:
        written = token.written if len(token.written) <= _SHOWN else f"{token.written[:_SHOWN]}…"
        return self.error(code, token.start, written=written, **limits)


def check_template(mail: Mail, template: Template) -> list[FieldError]:
    """Everything that stands against saving it, the subject's errors first; an empty list when it may be saved."""
    kind = CATALOGUE[mail]
    subject, body = _Text("subject", template.subject), _Text("body", template.body)
    return [*_subject_errors(kind, subject), *_body_errors(kind, body)]


def _subject_errors(kind: MailKind, subject: _Text) -> Iterator[FieldError]:
    if kind.channel is Channel.SMS:
        if subject.source:
            yield subject.error("not_for_sms")
        return
    if not subject.source.strip():
        yield subject.error("required")
        return
    if len(subject.source) > SUBJECT_LIMIT:
        yield subject.error("too_long", SUBJECT_LIMIT, max_length=SUBJECT_LIMIT)
    first_line = subject.source.splitlines()[0]
    if first_line != subject.source:
        yield subject.error("line_break", len(first_line))
    if "=?" in subject.source:
        yield subject.error("encoded_word", subject.source.index("=?"))
    yield from _control_errors(subject)
    yield from _reserved_errors(subject)
    yield from _token_errors(kind, subject)


def _body_errors(kind: MailKind, body: _Text) -> Iterator[FieldError]:
    if not body.source.strip():
        yield body.error("required")
        return
    if len(body.source.encode("utf-8", "surrogatepass")) > BODY_LIMIT:
        yield body.error("too_many_bytes", max_bytes=BODY_LIMIT)
    if kind.channel is Channel.SMS and len(body.source) > SMS_LIMIT:
        yield body.error("too_long", SMS_LIMIT, max_length=SMS_LIMIT)
    yield from _control_errors(body)
    yield from _reserved_errors(body)
    yield from _token_errors(kind, body)
    yield from _required_errors(kind, body)


def _control_errors(text: _Text) -> Iterator[FieldError]:
    """Line ends are the line check's, tabs are harmless; a lone surrogate could not be sent. The first one is told."""
    for at, character in enumerate(text.source):
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\r\n\t":
            yield text.error("control_character", at, character=f"U+{ord(character):04X}")
            return


def _reserved_errors(text: _Text) -> Iterator[FieldError]:
    """Where a secret would be put in when the mail is sent: with a second such place it never could be."""
    for reserved in RESERVED:
        if (at := text.source.find(reserved)) >= 0:
            yield text.error("reserved_text", at, written=reserved)


def _token_errors(kind: MailKind, text: _Text) -> Iterator[FieldError]:
    for token in tokens(text.source):
        if token.name is None:
            whole = token.written.startswith("{") and token.written.endswith("}")
            yield text.misplaced("template_expression" if whole or "%" in token.written else "unbalanced_brace", token)
        elif token.name not in kind.names:
            allowed = ", ".join(placeholder.written for placeholder in kind.placeholders)
            yield text.misplaced("unknown_placeholder", token, allowed=allowed)
        elif text.field == "subject" and PLACEHOLDERS[token.name].kind is not PlaceholderKind.TEXT:
            yield text.misplaced("placeholder_not_in_subject", token)


def _required_errors(kind: MailKind, body: _Text) -> Iterator[FieldError]:
    for placeholder in kind.required:
        found = [token for token in tokens(body.source) if token.name == placeholder.name]
        if not found:
            yield body.error("placeholder_missing", len(body.source), written=placeholder.written)
        for token in found[1:]:
            yield body.misplaced("placeholder_repeated", token)
        for token in found:
            if placeholder.kind is PlaceholderKind.LINK and not _stands_alone(body.source, token):
                yield body.misplaced("link_not_alone", token)


def _stands_alone(source: str, token: Token) -> bool:
    """Text that clings to a link could make it part of another: `https://elsewhere.example/?u={{SignupURL}}`."""
    before, after = source[: token.start], source[token.end :]
    clinging = "" if not before or before[-1].isspace() else before.split()[-1]
    return not _OF_A_URL & set(clinging) and (not after or after[0].isspace())
