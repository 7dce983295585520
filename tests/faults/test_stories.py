"""Every procedure has a story in which its worker can be killed at every boundary."""

import ast
from pathlib import Path

import pytest

from tests.faults.stories import STORIES
from workflows.recurrences import RecurrencesOnTheWorldClock
from workflows.registry import WORKFLOWS

PROCESSES = Path(__file__).parents[1] / "processes"


def test_no_procedure_is_without_a_story() -> None:
    """But for the rehearsal's clockwork, which begins anew at each start."""
    assert {kind.__name__ for kind in WORKFLOWS if kind is not RecurrencesOnTheWorldClock} == set(STORIES)


@pytest.mark.parametrize("story", sorted(set(STORIES.values())))
def test_a_story_is_a_test_that_is_there(story: str) -> None:
    file, _, name = story.partition("::")
    told = ast.parse((PROCESSES / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in told.body if isinstance(node, ast.AsyncFunctionDef)}
