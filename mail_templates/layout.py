"""The HTML part of a mail, laid out from its text: one fixed layout, no template language for tenants.

What the layout makes of the text (docs/decisions/0004-one-body-per-mail.md):
an empty line parts paragraphs; a paragraph of `label：{{Value}}` lines is a table; a line `▼ label` (or `label:`) above
a line that is only a link placeholder is a button, with the link readable below it; a line of dashes begins the footer.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from mail_templates.placeholders import PLACEHOLDERS, PlaceholderKind
from mail_templates.syntax import pieces, tokens
from models.vocabulary import Language

_RULE = re.compile(r"[-=_*─━―—ー－＝]{4,}")
_DETAIL = re.compile(r"([^{}:：]{1,40})(?:：|: )\s*(?=\S)")
_BUTTON_LABEL = re.compile(r"[▼▶]\s*(\S[^{}]*)|(\S[^{}]*?)[:：]")
_TYPED_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]*[/#-&+\-0-9=@-Z_a-z~]")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text, plain or a link to `url`."""

    text: str
    url: str | None = None


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """`kind` is paragraph, details, button, link or rule; `labels` are those of the details, or the button's one."""

    kind: str
    lines: tuple[Line, ...] = ()
    labels: tuple[str, ...] = ()


def lay_out(body: str, shown: Mapping[str, str], *, masthead: str, language: Language) -> str:
    """The HTML of a normalized template body filled with the shown values."""
    sources = body.split("\n")
    rules = [at for at, source in enumerate(sources) if _RULE.fullmatch(source)]
    end = rules[-1] if rules else len(sources)
    main = [block for paragraph in _paragraphs(sources[:end]) for block in _blocks(paragraph, shown)]
    footer = [_paragraph(paragraph, shown) for paragraph in _paragraphs(sources[end + 1 :])]
    html = _layout().render(masthead=masthead, language=language, main=main, footer=footer)
    return _inliner().inline(html).strip() + "\n"


def _paragraphs(sources: list[str]) -> Iterator[list[str]]:
    for filled_in, paragraph in itertools.groupby(sources, key=bool):
        if filled_in:
            yield list(paragraph)


def _blocks(paragraph: list[str], shown: Mapping[str, str]) -> Iterator[Block]:
    text: list[str] = []
    for source in paragraph:
        if _RULE.fullmatch(source):
            yield from _text(text, shown)
            yield Block("rule")
        elif _is_link(source):
            label = _BUTTON_LABEL.fullmatch(text[-1]) if text else None
            yield from _text(text[:-1] if label else text, shown)
            labels = (label.group(1) or label.group(2),) if label else ()
            yield Block("button" if label else "link", (_line(source.strip(), shown),), labels)
        else:
            text.append(source)
            continue
        text = []
    yield from _text(text, shown)


def _text(sources: list[str], shown: Mapping[str, str]) -> Iterator[Block]:
    details = [detail for source in sources if (detail := _DETAIL.match(source)) and any(tokens(source))]
    if sources and len(details) == len(sources):
        values = tuple(
            _line(source[len(detail.group()) :], shown) for source, detail in zip(sources, details, strict=True)
        )
        yield Block("details", values, tuple(detail.group(1) for detail in details))
    elif sources:
        yield _paragraph(sources, shown)


def _paragraph(sources: list[str], shown: Mapping[str, str]) -> Block:
    return Block("paragraph", tuple(_line(source, shown) for source in sources))


def _is_link(source: str) -> bool:
    return [token.written for token in tokens(source) if _kind(token.name) is PlaceholderKind.LINK] == [source.strip()]


def _kind(name: str | None) -> PlaceholderKind | None:
    return PLACEHOLDERS[name].kind if name in PLACEHOLDERS else None


def _line(source: str, shown: Mapping[str, str]) -> Line:
    return tuple(span for text, name in pieces(source) for span in _spans(text, name, shown) if span.text)


def _spans(text: str, name: str | None, shown: Mapping[str, str]) -> Iterator[Span]:
    """Only link placeholders, and URLs typed into the template itself, become links; never what a value holds."""
    if name is not None:
        yield Span(shown[name], shown[name] if _kind(name) is PlaceholderKind.LINK else None)
        return
    end = 0
    for url in _TYPED_URL.finditer(text):
        yield Span(text[end : url.start()])
        yield Span(url.group(), url.group())
        end = url.end()
    yield Span(text[end:])


@functools.cache
def _layout() -> Template:
    folder = FileSystemLoader(Path(__file__).parent)
    return Environment(
        loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template("layout.html")


@functools.cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)
