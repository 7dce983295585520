"""The HTML part as its reader sees it."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "hr", "link", "img"}


@dataclass
class Seen:
    """`words` in reading order without the masthead; `tags` with their attributes but the links; `links` in order."""

    words: list[str] = field(default_factory=list)
    tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()
        self.open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.seen.links += [found["href"] or ""] if "href" in found else []
        self.seen.tags.append((tag, tuple((name, value) for name, value in attrs if name != "href")))
        if tag not in _VOID:
            self.open.append((tag, found.get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        hidden = {"style", "title"} & {tag for tag, _ in self.open}
        if not hidden and ("td", "masthead") not in self.open:
            self.seen.words += words(data)


def read(html: str | None) -> Seen:
    assert html is not None
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.seen


def words(text: str) -> list[str]:
    """Letters and digits; marks such as `▼` and `：` are the text's way of saying what the layout shows."""
    return re.findall(r"[^\W_]+", text)
