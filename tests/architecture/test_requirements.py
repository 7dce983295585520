"""The list of requirements is the one that tests refer to."""

from pathlib import Path

import pytest

from tests.requirements import DOCUMENT, ROOT, ids_named_in, requirements

MODULES = sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_id_that_a_test_names_is_in_the_list(path: Path) -> None:
    """A slip of the pen proves nothing; what is listed as not built yet gets its line when it is built."""
    assert sorted(ids_named_in(path) - requirements().keys()) == []


def test_no_requirement_is_listed_twice() -> None:
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("- **")]
    assert len(lines) == len(requirements())
