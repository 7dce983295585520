"""The language of the templates: text with `{{Name}}` in it, and nothing else (TPL-03).

It has no logic on purpose: a tenant's text is never a program. Braces stand for placeholders only, so whatever another
template language would take for an expression is seen here and refused when the template is saved.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Possessive, so that a long run of braces costs one step per character.
_TOKEN = re.compile(r"\{++[^{}\n]*+\}*+|\}++|<%|%>")
_PLACEHOLDER = re.compile(r"\{\{([A-Za-z][A-Za-z0-9]*)\}\}")


@dataclass(frozen=True, slots=True)
class Template:
    """What a tenant may edit. `subject` is empty for an SMS. Lines end with LF."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Token:
    """Something in braces. `name` is None when it is not a placeholder."""

    written: str
    start: int
    name: str | None

    @property
    def end(self) -> int:
        return self.start + len(self.written)


def tokens(source: str) -> Iterator[Token]:
    """Everything in the source that is not plain text, in order."""
    for found in _TOKEN.finditer(source):
        placeholder = _PLACEHOLDER.fullmatch(found.group())
        yield Token(found.group(), found.start(), placeholder.group(1) if placeholder else None)


def pieces(source: str) -> Iterator[tuple[str, str | None]]:
    """The source cut into (text, None) and (written, name of the placeholder); joined again it is the source."""
    end = 0
    for token in tokens(source):
        if token.name is not None:
            yield source[end : token.start], None
            yield token.written, token.name
            end = token.end
    yield source[end:], None


def filled(source: str, shown: Mapping[str, str]) -> str:
    """The source with each placeholder replaced, in one pass: what a value holds is never read as a placeholder."""
    return "".join(text if name is None else shown[name] for text, name in pieces(source))


def normalized(text: str) -> str:
    """Line ends as LF, no blanks at line ends, no empty lines around: how templates are stored and compared."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines).strip("\n")
