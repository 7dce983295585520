"""Changes of the workflows' code that replay has to notice."""

import ast
import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from temporalio import activity

ROOT = Path(__file__).parents[2]
RENAMED = "_renamed"
"""By this name a mutant finds what gives an activity another one."""


@dataclass(frozen=True)
class Mutant:
    """A module of the workflows as it would be. `change`: in words."""

    module: str
    tree: ast.Module
    change: str = "nothing"


@contextlib.contextmanager
def applied(mutant: Mutant) -> Iterator[list[type]]:
    """All workflows, loaded anew on the changed module."""
    saved = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "workflows"}
    for name in saved:
        del sys.modules[name]
    try:
        importlib.import_module("workflows")
        module = ModuleType(mutant.module)
        module.__file__ = str(_source(mutant.module))
        sys.modules[mutant.module] = module
        module.__dict__[RENAMED] = _renamed
        exec(compile(mutant.tree, module.__file__, "exec"), module.__dict__)  # noqa: S102 - our own source, changed
        yield list(importlib.import_module("workflows.registry").WORKFLOWS)
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "workflows"]:
            del sys.modules[name]
        sys.modules.update(saved)


def with_a_timer_at_its_beginning(kind: type) -> Mutant:
    """A step nobody has asked for, before all others of its `run`."""
    tree = parsed(kind.__module__)
    [run] = [
        method
        for defined in tree.body
        if isinstance(defined, ast.ClassDef) and defined.name == kind.__name__
        for method in defined.body
        if isinstance(method, ast.AsyncFunctionDef) and method.name == "run"
    ]
    timer = "import asyncio\nasync def run():\n    await asyncio.sleep(1)\n"
    added = ast.parse(timer).body
    run.body[:0] = [added[0], *added[1].body]  # type: ignore[attr-defined]  # the function just parsed
    return Mutant(kind.__module__, ast.fix_missing_locations(tree), "a timer at its beginning")


def _source(module: str) -> Path:
    return ROOT / Path(*module.split(".")).with_suffix(".py")


def parsed(module: str) -> ast.Module:
    return ast.parse(_source(module).read_text(encoding="utf-8"))


def _renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same activity by another name."""
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    copy.__annotations__, copy.__kwdefaults__ = function.__annotations__, function.__kwdefaults__
    copy.__doc__, copy.__qualname__, copy.__module__ = function.__doc__, function.__qualname__, function.__module__
    return activity.defn(name=f"{function.__name__}_renamed")(copy)
