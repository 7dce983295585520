"""From a template and its values to the subject, the text and the HTML of a mail. Pure functions.

The HTML part is laid out from the same text (`layout.py`), so the two cannot disagree. Values are put in once and never
looked at again; they stay one line of plain text wherever they land (TPL-06).
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from mail_templates.catalogue import CATALOGUE, Channel, MailKind
from mail_templates.layout import lay_out
from mail_templates.placeholders import Placeholder, PlaceholderKind
from mail_templates.syntax import Template, filled, normalized
from models.vocabulary import Language, Mail

SECRET_WITHHELD = "withheld-until-sending"  # noqa: S105 - stands where the secret will be
"""Given in place of a link's token, or of a code, so that what is kept of a mail never holds the secret."""

SESSION_ID_WITHHELD = "withheld-session-id"
SESSION_PASSWORD_WITHHELD = "withheld-session-password"  # noqa: S105 - likewise
"""Likewise, in a mail about a remote-support session, which has up to three of them."""

_FOLDER = Path(__file__).parent
_SUBJECT_LIMIT = 200
_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]+")
_SECRETS = {
    SECRET_WITHHELD: _SECRET,
    SESSION_ID_WITHHELD: re.compile(r"[!-~]+"),  # a device's own choice
    SESSION_PASSWORD_WITHHELD: re.compile(r"[!-~]+"),
}
RESERVED = tuple(_SECRETS)
"""No value and no template may hold them: a secret has one place in a mail."""

_LINE_BREAKS = re.compile(r"[^\S\u3000]*[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]\s*")
_INVISIBLE = {"Cc", "Cf", "Cs"}
_START_OF_A_LINK = re.compile(r"(?<=[a-z]):(?=//)|(?<=\bwww)\.", re.IGNORECASE)


class WrongValuesError(ValueError):
    """The sender gave too few values or too many, or something that is not a URL for a link."""


@dataclass(frozen=True, slots=True)
class Brand:
    """In whose name a mail goes out: `sender_name` stands in its From and at the head of its HTML."""

    tenant_name: str
    sender_name: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """`subject` is empty and `html` None for an SMS. Lines end with LF."""

    language: Language
    subject: str
    text: str
    html: str | None


@functools.cache
def default_template(mail: Mail, language: Language) -> Template:
    """The product's own wording."""
    folder = _FOLDER / mail / language
    subject = "" if CATALOGUE[mail].channel is Channel.SMS else (folder / "subject.txt").read_text("utf-8")
    return Template(normalized(subject), normalized((folder / "body.txt").read_text("utf-8")))


def render(mail: Mail, language: Language, *, template: Template, values: Mapping[str, str], brand: Brand) -> Rendered:
    """`values` are those of the mail's `catalogue.fields`, no more; links are whole URLs. Raises `WrongValuesError`."""
    kind = CATALOGUE[mail]
    shown = _shown(kind, {"TenantName": brand.tenant_name, **values})
    body = normalized(template.body)
    text = filled(body, shown).strip("\n") + "\n"
    if kind.channel is Channel.SMS:
        return Rendered(language, "", text, None)
    html = lay_out(body, shown, masthead=inert(brand.sender_name), language=language)
    return Rendered(language, _subject(template.subject, shown), text, html)


def with_secret(rendered: Rendered, secret: str, *, place: str = SECRET_WITHHELD) -> Rendered:
    """The mail as it is sent, with the secret in the one place kept for it. Raises `WrongValuesError` otherwise."""
    if rendered.text.count(place) != 1 or not _SECRETS[place].fullmatch(secret):
        raise WrongValuesError("a secret has one place in a mail")
    html = rendered.html and rendered.html.replace(place, escape(secret))
    return replace(rendered, text=rendered.text.replace(place, secret), html=html)


def inert(value: str) -> str:
    """One line of text that no reader takes for anything else.

    Nothing in it controls, hides or turns the direction of writing, and mail programs find no link to press.
    """
    line = _LINE_BREAKS.sub(" ", value)
    visible = "".join(character for character in line if unicodedata.category(character) not in _INVISIBLE)
    for place in RESERVED:
        visible = visible.replace(place, " ")
    return _START_OF_A_LINK.sub(r"[\g<0>]", visible).strip()


def _shown(kind: MailKind, values: Mapping[str, str]) -> dict[str, str]:
    if values.keys() != kind.names:
        wrong = sorted(values.keys() ^ kind.names)
        raise WrongValuesError(f"{kind.mail}: missing or unknown values: {', '.join(wrong)}")
    return {placeholder.name: _value(placeholder, values[placeholder.name]) for placeholder in kind.placeholders}


def _value(placeholder: Placeholder, value: str) -> str:
    if placeholder.kind is PlaceholderKind.TEXT:
        return inert(value)
    form = _URL if placeholder.kind is PlaceholderKind.LINK else _SECRET
    if not form.fullmatch(value):
        raise WrongValuesError(f"{placeholder.name}: not a {placeholder.kind}")
    return value


def _subject(source: str, shown: Mapping[str, str]) -> str:
    """One line, not too long, and nothing that a mail program would decode once more (`=?utf-8?…?=`)."""
    line = inert(filled(source, shown)).replace("=?", "= ?")
    line = re.sub(r" {2,}", " ", line)
    return line if len(line) <= _SUBJECT_LIMIT else line[: _SUBJECT_LIMIT - 1] + "…"
