"""What the audit log keeps of every step's answer cannot be erased, so nothing personal can be in it (decision 3)."""

import ast
import importlib
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.architecture.test_house import ROOT

WORDS = {"state", "fingerprint", "what", "time_zone", "product_name"}
"""Of ours, not of people's. So is whatever is a number, a date, or one of our enums."""
IDS = {"subject", "contract_number", "application_number", "nudged", "by"}
"""And what ends in `_id` or `_ids`; `nudged` are procedures' ids, `by` is an actor's."""


def _answers() -> Iterator[tuple[str, type[BaseModel]]]:
    """The second argument of every `once`, with the file that it stands in."""
    for path in sorted((ROOT / "activities").glob("*.py")):
        module = importlib.import_module(f"activities.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "once":
                answered = node.args[1]
                assert isinstance(answered, ast.Name), f"{path.name}:{node.lineno} names no type"
                yield f"{path.stem}-{answered.id}", getattr(module, answered.id)


def _texts(kind: Any, name: str) -> Iterator[str]:
    """Every field by which words could get in, by its path."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for field, info in kind.model_fields.items():
            yield from _texts(info.annotation, f"{name}.{field}")
    elif parts := typing.get_args(kind):
        for part in parts:
            yield from _texts(part, name)
    elif kind in (str, Any, object, dict, list):
        yield name


def _is_harmless(path: str) -> bool:
    field = path.rsplit(".", 1)[-1]
    return field in WORDS | IDS or field.endswith(("_id", "_ids"))


@pytest.mark.requirement("CUS-05", "GEN-04")
@pytest.mark.parametrize("answered", [pytest.param(kind, id=name) for name, kind in dict(_answers()).items()])
def test_no_answer_that_the_audit_log_keeps_has_room_for_a_person(answered: type[BaseModel]) -> None:
    """No address, no name, nothing typed by anybody: an answer names rows, and those can be emptied."""
    assert [path for path in _texts(answered, answered.__name__) if not _is_harmless(path)] == []


def test_the_walk_finds_the_answers() -> None:
    """Or the test above would say nothing."""
    names = {name for name, _ in _answers()}
    assert {"return_kit-UndoneKits", "contract-ContractRecorded", "signup-Opened"} <= names
