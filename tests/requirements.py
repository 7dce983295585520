"""Which tests prove which requirement: `make requirements`. Collects the tests and runs none: no server starts."""

import ast
import contextlib
import io
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "requirements.md"
_LINE = re.compile(r"^- \*\*([A-Z]{3}-\d\d)\*\* (.+)$", re.MULTILINE)


def requirements() -> dict[str, str]:
    """Id → sentence, in the document's order."""
    return dict(_LINE.findall(DOCUMENT.read_text()))


def ids_named_in(path: Path) -> set[str]:
    """The ids of every `requirement` mark in a test module, read without importing it."""
    return {
        argument.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


class _Proofs:
    """A pytest plugin that notes the marks of what is collected."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            test = item.nodeid.partition("[")[0]
            for mark in item.iter_markers("requirement"):
                for requirement in mark.args:
                    if test not in self.tests[requirement]:
                        self.tests[requirement].append(test)


def proofs() -> dict[str, list[str]]:
    """Id → the tests that prove it; a test with many parameters counts once.

    Raises:
        RuntimeError: the tests could not be collected; it carries what pytest said.
    """
    found = _Proofs()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exit_code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", str(ROOT / "tests")], [found])
    if exit_code is not pytest.ExitCode.OK:
        raise RuntimeError(said.getvalue())
    return found.tests


def main() -> None:
    tests = proofs()
    lines = []
    for requirement, sentence in requirements().items():
        lines += ["", f"{requirement}  {sentence}"]
        lines += [f"        {test}" for test in tests.get(requirement, [])] or ["        NO TEST"]
    unproven = [requirement for requirement in requirements() if requirement not in tests]
    lines += ["", f"{len(requirements())} requirements, {len(unproven)} without a test: {' '.join(unproven) or 'none'}"]
    sys.stdout.write("\n".join(lines).lstrip() + "\n")


if __name__ == "__main__":
    main()
