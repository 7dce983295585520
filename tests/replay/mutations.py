"""What may be changed in a workflow's code so that it no longer does what it has done, found in its syntax tree.

A step is what is awaited and gives the engine something to do; waiting for a condition alone does not.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from tests.replay.mutants import RENAMED, Mutant, parsed

_WAITS = {"wait_condition", "_settled"}
_SENDS_MAILS = "deliver_mails"
_WITH_DEADLINE = {"wait_until", "holds_in_time"}
_LONGEST_NAME = 90  # characters

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Point:
    """Where a tree can be changed, and how."""

    name: str
    change: Callable[[], None]


def mutants(module: str) -> list[Mutant]:
    """One for each thing that can be changed, named alike from run to run as long as the code around it stays."""
    found: list[Mutant] = []
    seen = Counter[str]()
    for number in range(len(_points(parsed(module)))):
        tree = parsed(module)
        point = _points(tree)[number]
        point.change()
        seen[point.name] += 1
        name = point.name if seen[point.name] == 1 else f"{point.name} ({seen[point.name]})"
        found.append(Mutant(module, ast.fix_missing_locations(tree), name))
    return found


def _points(tree: ast.Module) -> list[_Point]:
    return [point for name, function in _functions(tree) for point in _points_of(name, function)]


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{method.name}", method) for method in node.body if isinstance(method, Function))


def _points_of(name: str, function: Function) -> Iterator[_Point]:
    for node in ast.walk(function):
        if isinstance(node, ast.Await) and _is_step(node):
            yield _replaced(function, node, ast.Constant(None), f"{name}: without {_words(node)}")
        elif isinstance(node, ast.Expr) and _sends_mails(node):
            yield _replaced(function, node, ast.Pass(), f"{name}: without {_words(node)}")
        elif isinstance(node, ast.Attribute) and _is_activity(node):
            renamed = ast.Call(ast.Name(RENAMED, ast.Load()), [node], [])
            yield _replaced(function, node, renamed, f"{name}: another name for {_words(node)}")
        elif isinstance(node, ast.Call) and (deadline := _deadline(node)) is not None:
            yield _replaced(node, deadline, ast.Constant(None), f"{name}: no deadline {_words(deadline)}")
        yield from _swaps(name, node)


def _swaps(name: str, node: ast.AST) -> Iterator[_Point]:
    for block in ("body", "orelse", "finalbody"):
        statements = getattr(node, block, None)
        if not isinstance(statements, list):
            continue
        for first, second in pairwise(statements):
            if _has_step(first) and _has_step(second):
                words = f"{name}: {_words(second)} before {_words(first)}"
                yield _Point(words, partial(_swap, statements, first))


def _swap(statements: list[ast.stmt], first: ast.stmt) -> None:
    at = statements.index(first)
    statements[at], statements[at + 1] = statements[at + 1], statements[at]


def _replaced(within: ast.AST, old: ast.AST, new: ast.AST, name: str) -> _Point:
    return _Point(name, partial(_Replacing(old, new).replace_in, within))


class _Replacing(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def replace_in(self, node: ast.AST) -> None:
        super().generic_visit(node)

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return self._new
        self.generic_visit(node)
        return node


def _is_step(node: ast.Await) -> bool:
    call = node.value
    if not isinstance(call, ast.Call):
        return False
    return _called(call) not in _WAITS or any(word.arg == "timeout" for word in call.keywords)


def _has_step(statement: ast.stmt) -> bool:
    """Of itself, and not of a block within it."""
    if not isinstance(statement, ast.Expr | ast.Assign | ast.Return):
        return False
    if isinstance(statement, ast.Expr) and _sends_mails(statement):
        return True
    return any(isinstance(node, ast.Await) and _is_step(node) for node in ast.walk(statement))


def _sends_mails(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call) and _called(node.value) == _SENDS_MAILS


def _is_activity(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id.endswith("Activities")


def _deadline(call: ast.Call) -> ast.expr | None:
    if _called(call) not in _WITH_DEADLINE or len(call.args) < 2:
        return None
    return call.args[1]


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _words(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"
