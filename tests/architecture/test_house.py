"""The house's own rules: sizes, names, empty package fronts, and one stem for each procedure in every layer."""

import ast
import re
from pathlib import Path

import pytest

from workflows.procedure import Procedure
from workflows.registry import WORKFLOWS

ROOT = Path(__file__).parent.parent.parent
PRODUCT = ("activities", "api", "mail_templates", "models", "workflows")
EVERYTHING = (*PRODUCT, "local")
SAYING_NOTHING = {
    *("base", "common", "constants", "core", "handlers", "helpers", "manager", "misc"),
    *("service", "shared", "types", "util", "utils"),
}
PERCENT_WITHIN_40 = 95


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def function_lengths() -> list[int]:
    """Lines of code of every function, without its docstring."""
    lengths = []
    for path in modules(*EVERYTHING):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                lengths.append((node.end_lineno or 0) - body[0].lineno + 1)
    return sorted(lengths)


def procedures() -> list[str]:
    """The stems: every workflow module that defines a procedure, whatever it derives from on the way."""
    return sorted({kind.__module__.removeprefix("workflows.") for kind in WORKFLOWS if issubclass(kind, Procedure)})


@pytest.mark.parametrize("path", modules(*EVERYTHING), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_name_that_says_something_and_at_most_400_lines(path: Path) -> None:
    assert path.stem not in SAYING_NOTHING
    assert len(path.read_text().splitlines()) <= 400


def test_functions_are_short() -> None:
    """Half of them have at most 12 lines, and 95 of 100 at most 40."""
    lengths = function_lengths()
    assert lengths[len(lengths) // 2] <= 12
    assert lengths[len(lengths) * PERCENT_WITHIN_40 // 100] <= 40


@pytest.mark.parametrize("package", ["models", "models/rules", "models/messages", "models/tables", *PRODUCT])
def test_the_front_of_a_package_is_empty(package: str) -> None:
    """Importing a name must not import its neighbours: workflow workers would pay for it at every start."""
    assert (ROOT / package / "__init__.py").read_text().strip() == ""


@pytest.mark.parametrize("path", modules("workflows"), ids=lambda path: path.stem)
def test_a_workflow_knows_neither_settings_nor_the_database(path: Path) -> None:
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not [name for name in imported if re.match(r"(settings|sqlalchemy|models\.tables|models\.database)\b", name)]


@pytest.mark.parametrize("path", modules(*PRODUCT), ids=lambda path: str(path.relative_to(ROOT)))
def test_time_and_randomness_come_only_from_their_homes(path: Path) -> None:
    """Business time is the Clock's or the workflow's; ids and secrets are `models/identifiers.py`'s."""
    if path.name in {"clock.py", "identifiers.py", "rate_limits.py"}:  # the last counts by the machine's clock
        return
    text = path.read_text()
    assert not re.search(r"datetime\.(now|utcnow|today)\(|date\.today\(|\btime\.time\(", text)
    assert not re.search(r"\buuid4\(|\bsecrets\.|\brandom\.(?!Random\b)", text.replace("stored_secrets", ""))


@pytest.mark.parametrize("stem", procedures())
def test_a_procedure_is_found_in_five_stops(stem: str) -> None:
    """The same stem leads from workflow to activities, tests and page of documentation."""
    stops = [
        ROOT / "workflows" / f"{stem}.py",
        ROOT / "activities" / f"{stem}.py",
        ROOT / "tests" / "processes" / f"test_{stem}.py",
        ROOT / "docs" / "processes" / f"{stem}.md",
    ]
    assert [str(stop.relative_to(ROOT)) for stop in stops if not stop.exists()] == []


def test_nothing_that_a_stranger_lacks_is_named() -> None:
    """No lock file of uv, and no addresses of package indexes in the requirements."""
    assert not (ROOT / "uv.lock").exists()
    for path in (ROOT / "requirements").glob("*.txt"):
        assert not re.search(r"https?://|--(extra-)?index-url|file:", path.read_text())
    for path in modules(*EVERYTHING):
        assert not re.search(r"\(design: |of the threats\)", path.read_text()), path  # papers that are not here
