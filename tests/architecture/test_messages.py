"""What passes through Temporal is an object, so that nothing but words for operators comes as a bare string."""

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from activities import registry
from workflows.registry import WORKFLOWS

_MARKS = ("__temporal_activity_definition", "__temporal_workflow_run", "_defn")
Said = Callable[..., Any]


def _said() -> Iterator[tuple[str, Said]]:
    """Every activity, and every workflow's run and updates, with the name it is known by."""
    homes = [found for name, found in vars(registry).items() if name.endswith("Activities")]
    for home in [*WORKFLOWS, *homes]:
        for name, method in inspect.getmembers(home, inspect.isfunction):
            if any(hasattr(method, mark) for mark in _MARKS):
                yield f"{home.__name__}.{name}", method


@pytest.mark.requirement("GEN-10")
@pytest.mark.parametrize("said", [pytest.param(method, id=name) for name, method in _said()])
def test_nothing_personal_can_pass_as_a_bare_string(said: Said) -> None:
    """A bare string is not encrypted (workflows/codec.py). A workflow's own result, its state, may be one."""
    kinds = typing.get_type_hints(said)
    strings = {what for what, kind in kinds.items() if kind in (str, str | None)} - {"time_zone"}
    assert strings <= ({"return"} if hasattr(said, "__temporal_workflow_run") else set())


def test_the_walk_finds_activities_runs_and_updates() -> None:
    """Or the test above would say nothing."""
    names = {name for name, _ in _said()}
    assert {"MailActivities.deliver_mails", "Contract.run", "Contract.cancel", "Signup.resolve"} <= names
