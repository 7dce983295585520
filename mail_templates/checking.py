"""Whether a tenant's template may be saved (TPL-03). Every refusal names its spot."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mail_templates.catalogue import CATALOGUE, Channel, MailKind
from mail_templates.placeholders import PLACEHOLDERS, PlaceholderKind
from mail_templates.syntax import Template, Token, tokens
from models.vocabulary import Mail

SUBJECT_LIMIT = 200
"""Characters."""
BODY_LIMIT = 32 * 1024
"""Bytes of UTF-8."""
SMS_LIMIT = 660
"""Characters: what Japanese carriers take as one message of several parts."""

_OF_A_URL = frozenset("/.@=?&#%\\")


@dataclass(frozen=True, slots=True)
class TemplateError:
    """`code` is stable; `line` and `column` count from 1, in characters."""

    field: str
    code: str
    message: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class _Text:
    """One field of a template, and where things stand in it."""

    field: str
    source: str

    def error(self, code: str, message: str, at: int = 0) -> TemplateError:
        before = self.source[:at]
        line = before.count("\n") + 1
        return TemplateError(self.field, code, message, line, at - (before.rfind("\n") + 1) + 1)


def check_template(mail: Mail, template: Template) -> list[TemplateError]:
    """Everything that stands against saving it, the subject's errors first; an empty list when it may be saved."""
    kind = CATALOGUE[mail]
    subject, body = _Text("subject", template.subject), _Text("body", template.body)
    return [*_subject_errors(kind, subject), *_body_errors(kind, body)]


def _subject_errors(kind: MailKind, subject: _Text) -> Iterator[TemplateError]:
    if kind.channel is Channel.SMS:
        if subject.source:
            yield subject.error("subject_not_allowed", "A text message has no subject.")
        return
    if not subject.source.strip():
        yield subject.error("empty", "The subject is empty.")
    if len(subject.source) > SUBJECT_LIMIT:
        yield subject.error("too_long", f"The subject has more than {SUBJECT_LIMIT} characters.", SUBJECT_LIMIT)
    if len(subject.source.splitlines()) > 1 or subject.source.endswith(("\n", "\r")):
        at = len(subject.source.splitlines()[0])
        yield subject.error("line_break", "The subject must be one line.", at)
    if "=?" in subject.source:
        yield subject.error("encoded_word", "“=?” cannot stand in a subject.", subject.source.index("=?"))
    yield from _control_errors(subject)
    yield from _token_errors(kind, subject)


def _body_errors(kind: MailKind, body: _Text) -> Iterator[TemplateError]:
    if not body.source.strip():
        yield body.error("empty", "The body is empty.")
    if len(body.source.encode("utf-8", "surrogatepass")) > BODY_LIMIT:
        yield body.error("too_long", f"The body has more than {BODY_LIMIT} bytes.")
    if kind.channel is Channel.SMS and len(body.source) > SMS_LIMIT:
        yield body.error("too_long", f"A text message has at most {SMS_LIMIT} characters.", SMS_LIMIT)
    yield from _control_errors(body)
    yield from _token_errors(kind, body)
    yield from _required_errors(kind, body)


def _control_errors(text: _Text) -> Iterator[TemplateError]:
    """Line ends are the line check's; tabs are harmless; a lone surrogate could not be sent."""
    for at, character in enumerate(text.source):
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\r\n\t":
            yield text.error("control_character", f"Character U+{ord(character):04X} cannot be sent.", at)
            return


def _token_errors(kind: MailKind, text: _Text) -> Iterator[TemplateError]:
    for token in tokens(text.source):
        if token.name is None:
            yield _expression_error(text, token)
        elif token.name not in kind.names:
            allowed = ", ".join(placeholder.written for placeholder in kind.placeholders)
            message = f"{token.written} is not a placeholder of this mail. Allowed: {allowed}."
            yield text.error("unknown_placeholder", message, token.start)
        elif text.field == "subject" and PLACEHOLDERS[token.name].kind is not PlaceholderKind.TEXT:
            message = f"{token.written} can only stand in the body."
            yield text.error("placeholder_not_in_subject", message, token.start)


def _expression_error(text: _Text, token: Token) -> TemplateError:
    shown = token.written if len(token.written) <= 60 else f"{token.written[:60]}…"  # noqa: PLR2004 - enough to find it by
    if token.written.startswith("{") and token.written.endswith("}"):
        message = f"{shown} is not a placeholder. Placeholders are written {{{{Name}}}}, without spaces."
        return text.error("template_expression", message, token.start)
    if "%" in token.written:
        return text.error("template_expression", f"“{shown}” cannot stand in a template.", token.start)
    message = f"“{shown}” is a brace without its counterpart. Braces stand around placeholders only."
    return text.error("unbalanced_brace", message, token.start)


def _required_errors(kind: MailKind, body: _Text) -> Iterator[TemplateError]:
    for placeholder in kind.required:
        found = [token for token in tokens(body.source) if token.name == placeholder.name]
        if not found:
            yield body.error("placeholder_missing", f"The mail needs {placeholder.written}.", len(body.source))
        for token in found[1:]:
            yield body.error("placeholder_repeated", f"{placeholder.written} must stand there once.", token.start)
        for token in found:
            if placeholder.kind is PlaceholderKind.LINK and not _stands_alone(body.source, token):
                message = f"{placeholder.written} must stand on a line of its own, or with spaces around it."
                yield body.error("link_not_alone", message, token.start)


def _stands_alone(source: str, token: Token) -> bool:
    """Text that clings to a link could make it part of another: `https://elsewhere.example/?u={{SignupURL}}`."""
    before, after = source[: token.start], source[token.end :]
    clinging = "" if not before or before[-1].isspace() else before.split()[-1]
    return not _OF_A_URL & set(clinging) and (not after or after[0].isspace())
