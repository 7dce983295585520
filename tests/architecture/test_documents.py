"""The documents are true where a test can tell: links, commands, and what every procedure's page has."""

import re
from pathlib import Path

import pytest
import typer.main
from pydantic import AliasChoices

from api.app import ROUTERS
from cli import app
from models.tables.registry import metadata
from settings import Settings
from tests.documents import ROOT, Link, code, documents, headings, line_of, links

PROCEDURES = sorted((ROOT / "docs" / "processes").glob("*.md"))
STOPS = ("api/", "workflows/", "activities/", "mail_templates/", "tests/")


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


def wrong_with(link: Link) -> str | None:
    if not link.path.exists():
        return "there is no such file"
    if link.fragment and link.path.suffix == ".md":
        return None if link.fragment in headings(link.path) else "there is no such heading"
    if link.fragment and link.line is None:
        return "that is no line"
    if link.line and link.line > len(link.path.read_text().splitlines()):
        return "the file has fewer lines"
    if link.name and line_of(link.path, link.name) is None:
        return f"it does not define {link.name}"
    return "the name has moved: `make documents` puts that right" if link.moved_to else None


@pytest.mark.parametrize("document", documents(), ids=where)
def test_every_link_leads_somewhere(document: Path) -> None:
    """To a file, a heading, or the lines of the very name that the link is about."""
    assert [f"{link.target}: {wrong}" for link in links(document) if (wrong := wrong_with(link))] == []


@pytest.mark.parametrize("document", documents(), ids=where)
def test_no_merge_is_left_half_done(document: Path) -> None:
    assert not re.search(r"^(<{7}|>{7}) ", document.read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", documents(), ids=where)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    """`make` targets, and the product's own commands."""
    text = code(document)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined] # Typer types a group as a command
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"(?:`|^|uv run |\.venv/bin/)tetsuzuki ([a-z]+)", text, re.MULTILINE)) <= commands


@pytest.mark.parametrize("document", documents(), ids=where)
def test_every_address_that_a_document_names_is_a_route(document: Path) -> None:
    """`$TENANT`, `{t}` and `…` stand for any one thing."""
    routes = [
        re.sub(r"{\w+}", "[^/]+", str(getattr(route, "path", ""))) for router in ROUTERS for route in router.routes
    ]
    named = re.findall(r"/v1(?:/[\w.{}$…-]+)+", code(document))
    assert [path for path in named if not any(re.fullmatch(route, path) for route in routes)] == []


@pytest.mark.parametrize("page", PROCEDURES, ids=lambda page: page.stem)
def test_a_procedures_page_has_its_diagram_timers_mails_and_help(page: Path) -> None:
    text = page.read_text()
    assert "```mermaid\nstateDiagram-v2\n" in text
    for section in ("Timers", "Mails", "For operators", "The five stops"):
        assert f"\n## {section}\n" in text, section


@pytest.mark.parametrize("page", PROCEDURES, ids=lambda page: page.stem)
def test_a_procedures_page_leads_to_its_five_stops(page: Path) -> None:
    """Route, workflow, activities, mails, tests; the workflow has the page's own name."""
    paths = [where(link.path) for link in links(page)]
    assert [stop for stop in STOPS if not any(path.startswith(stop) for path in paths)] == []
    assert f"workflows/{page.stem}.py" in paths
    assert f"tests/processes/test_{page.stem}.py" in paths


@pytest.mark.parametrize("page", PROCEDURES, ids=lambda page: page.stem)
def test_what_an_operator_may_be_asked_about_is_a_step_that_exists(page: Path) -> None:
    """An activity, a mail, or a notice by the workflow's own name for it; `…` stands for any ending."""
    workflow = (ROOT / "workflows" / f"{page.stem}.py").read_text()
    activities = "\n".join(path.read_text() for path in (ROOT / "activities").glob("*.py"))
    table = page.read_text().partition("| it waits in |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    for step in (step for cell in rows for step in re.findall(r"`([^`]+)`", cell)):
        name = re.escape(step.removesuffix("…")) + ("" if step.endswith("…") else r"\b")
        is_activity = re.search(f"async def {name}", activities)
        assert is_activity or step.startswith("mail-") or f'"{step}"' in workflow, step


def test_every_setting_is_in_the_table_of_settings() -> None:
    """But for what only tests and the embedded stack set."""
    table = (ROOT / "docs" / "operations" / "deploying.md").read_text()
    internal = {"rehearsal", "worker_strict_sandbox"}
    for name, field in Settings.model_fields.items():
        named = field.validation_alias.choices[0] if isinstance(field.validation_alias, AliasChoices) else None
        assert name in internal or f"`{named or f'TETSUZUKI_{name.upper()}'}" in table, name


def test_the_architecture_tells_of_every_table() -> None:
    data = (ROOT / "docs" / "architecture.md").read_text().partition("## The data")[2].partition("\n## ")[0]
    assert [table for table in metadata.tables if f"`{table}`" not in data] == []


def test_decisions_are_numbered_one_after_the_other() -> None:
    """A number means one decision, and its page says the same number."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert [page.name for page in pages if not page.read_text().startswith(f"# {int(page.name[:4])}. ")] == []


def test_the_map_names_every_folder() -> None:
    """One line each; a mail's own folders are told by the catalogue, and histories lie by their procedure."""
    tops = [top for top in ROOT.iterdir() if not re.match(r"\.(?!ci$)|build$|.*\.egg-info$", top.name)]
    folders = {path.parent for top in tops for path in top.rglob("*") if path.is_file()}
    known = {"__pycache__", "approved"} | {folder.name for folder in folders if folder.parent.name == "histories"}
    expected = {
        where(folder)
        for folder in folders
        if folder.name not in known and (folder == ROOT / "mail_templates" or "mail_templates" not in where(folder))
    }
    assert set(re.findall(r"^\| `([^`]+)/` \|", (ROOT / "docs" / "map.md").read_text(), re.MULTILINE)) == expected
