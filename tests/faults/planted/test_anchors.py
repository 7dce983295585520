"""The planted mistakes can still be made: each anchor is where it was, once."""

import ast

import pytest

from tests.faults.planted.bugs import BUGS, Bug
from tests.faults.planted.planting import ROOT, sources


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_mistake_still_fits_the_code(bug: Bug) -> None:
    """What comes of it is a module all the same. `tests/faults/planted/bugs.py` is where to think of it anew."""
    for text in sources(ROOT, bug.changes).values():
        ast.parse(text)
