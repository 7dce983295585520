"""Every command to a procedure is refused when whoever sent it has been told that it was not taken."""

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from models.messages.procedure import Command
from workflows.registry import WORKFLOWS


def commands() -> Iterator[tuple[str, Any]]:
    """Every update that takes a command, with the name it is known by."""
    for home in WORKFLOWS:
        for name, method in inspect.getmembers(home, lambda one: hasattr(one, "_defn")):
            kinds = typing.get_type_hints(method).items()
            if any(what != "return" and isinstance(kind, type) and issubclass(kind, Command) for what, kind in kinds):
                yield f"{home.__name__}.{name}", method


@pytest.mark.requirement("GEN-02")
@pytest.mark.parametrize("command", [pytest.param(method, id=name) for name, method in commands()])
def test_a_command_has_a_validator(command: Any) -> None:
    """Only before a validator does the worker look whether it comes too late (workflows/late_commands.py)."""
    assert command._defn.validator is not None  # noqa: SLF001 - the SDK has no other way to it


def test_the_walk_finds_commands() -> None:
    """Or the test above would say nothing."""
    names = {name for name, _ in commands()}
    assert {"Contract.cancel", "Restart.report", "ViewerAccess.redeem", "Signup.resolve"} <= names
