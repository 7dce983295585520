"""The project's documents, as tests read them; `make documents` leads links whose code has moved to where it is now.

A link whose text is one name in code, to a line of a Python file, is about that name:
[`Commands.send`](api/commands.py#L103) leads to where `send` is defined.
"""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"`(\w+(?:\.\w+)*)`")
_SCREEN = 20
_LINE = re.compile(r"L(\d+)")


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@dataclass(frozen=True)
class Link:
    """A link to something in the repository."""

    document: Path
    text: str
    target: str

    @property
    def path(self) -> Path:
        place = self.target.partition("#")[0]
        return (self.document.parent / place).resolve() if place else self.document

    @property
    def fragment(self) -> str:
        return self.target.partition("#")[2]

    @property
    def line(self) -> int | None:
        match = _LINE.fullmatch(self.fragment)
        return int(match.group(1)) if match else None

    @property
    def moved_to(self) -> int | None:
        """The line that its name is on by now; None while that is within a screen's height, which is near enough."""
        line = line_of(self.path, self.name) if self.name and self.path.exists() else None
        return line if line and abs(line - (self.line or 0)) > _SCREEN else None

    @property
    def name(self) -> str | None:
        """The Python name that the link is about."""
        match = _NAME.fullmatch(self.text)
        return match.group(1) if match and self.path.suffix == ".py" and self.line else None


def links(document: Path) -> list[Link]:
    prose = _FENCE.sub("", document.read_text())
    found = [Link(document, match["text"], match["target"]) for match in _LINK.finditer(prose)]
    return [link for link in found if not re.match(r"[a-z]+:", link.target)]


def code(document: Path) -> str:
    """Everything in it that stands as code, in blocks or within sentences."""
    return "\n".join(_CODE.findall(document.read_text()))


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", _FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def line_of(module: Path, name: str) -> int | None:
    """Where the module defines a function, a class, `Class.method` or a constant; None if it does not.

    The name may begin with the module's: `audit.record`.
    """
    nodes: list[ast.stmt] = ast.parse(module.read_text()).body
    found: ast.stmt | None = None
    for part in name.removeprefix(f"{module.stem}.").split("."):
        found = next((node for node in nodes if part in _names(node)), None)
        nodes = found.body if isinstance(found, ast.ClassDef) else []
    return found.lineno if found else None


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def renewed(document: Path) -> str:
    """Its text with the links put right whose names have moved. The others stay, so that two edits seldom collide."""

    def renew(match: re.Match[str]) -> str:
        link = Link(document, match["text"], match["target"])
        return f"[{link.text}]({link.target.partition('#')[0]}#L{link.moved_to})" if link.moved_to else match[0]

    return _LINK.sub(renew, document.read_text())


def main() -> None:
    for document in documents():
        text = renewed(document)
        if text != document.read_text():
            document.write_text(text)
            sys.stdout.write(f"renewed {document.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
