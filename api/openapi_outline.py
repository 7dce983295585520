"""An OpenAPI document as a person reads it: sections, operations, and fields with their dotted names and limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.fields import BLANK

Json = dict[str, Any]
_DEEPEST = 5
_LIMITS = (
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {}"),
    ("maxItems", "at most {}"),
    ("minimum", "{} or more"),
    ("maximum", "{} or less"),
    ("pattern", "matches {}"),
)


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    required: bool
    limits: str
    description: str


@dataclass(frozen=True)
class Answer:
    status: str
    description: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    needs_key: bool
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]


@dataclass(frozen=True)
class Section:
    title: str
    operations: list[Operation]


def outline(document: Json) -> list[Section]:
    """One section per tag, in the order of the paths."""
    sections: dict[str, Section] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            title = (operation.get("tags") or ["Other"])[0]
            section = sections.setdefault(title, Section(title, []))
            section.operations.append(_operation(document, path, method, operation))
    return list(sections.values())


def _operation(document: Json, path: str, method: str, operation: Json) -> Operation:
    parameters = [
        _field(document, f"{parameter['name']} ({parameter['in']})", parameter["schema"] | _described(parameter))
        for parameter in operation.get("parameters", [])
    ]
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        needs_key="security" in operation,
        parameters=parameters,
        body=_content_fields(document, operation.get("requestBody", {})),
        answers=[_answer(document, status, answer) for status, answer in sorted(operation["responses"].items())],
    )


def _described(parameter: Json) -> Json:
    return {"description": parameter.get("description", ""), "x-required": parameter.get("required", False)}


def _answer(document: Json, status: str, answer: Json) -> Answer:
    # The form of a problem is told once for all, not at every operation.
    fields = [] if status == "4XX" or status.startswith("5") else _content_fields(document, answer)
    return Answer(status, answer.get("description", ""), fields)


def _content_fields(document: Json, content: Json) -> list[Field]:
    schema: Json = next((media.get("schema", {}) for media in content.get("content", {}).values()), {})
    return list(_fields(document, "", schema, depth=0))


def _fields(document: Json, prefix: str, schema: Json, *, depth: int) -> Iterator[Field]:
    plain = _plain(document, schema)
    if plain.get("type") == "array":
        yield from _fields(document, f"{prefix}0.", plain.get("items", {}), depth=depth + 1)
    for choice in plain.get("anyOf", []):
        yield from _fields(document, prefix, choice, depth=depth)
    for name, inner in plain.get("properties", {}).items():
        required = name in plain.get("required", [])
        yield _field(document, prefix + name, inner | {"x-required": required})
        if depth < _DEEPEST:
            yield from _fields(document, f"{prefix}{name}.", inner, depth=depth + 1)


def _field(document: Json, name: str, schema: Json) -> Field:
    plain = _plain(document, schema)
    return Field(
        name=name,
        type=_type(document, plain),
        required=bool(schema.get("x-required")),
        limits=", ".join(text.format(_number(plain[limit])) for limit, text in _LIMITS if limit in plain),
        description=schema.get("description") or "",
    )


def _number(value: object) -> object:
    """OpenAPI's models make every bound a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain(document: Json, schema: Json) -> Json:
    """Without references, and without the `null` and the blank that make a field optional."""
    if "$ref" in schema:
        return _plain(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    absent = [choice.get("type") == "null" or choice.get("title") == BLANK for choice in schema.get("anyOf", [])]
    choices = [choice for choice, is_absent in zip(schema.get("anyOf", []), absent, strict=True) if not is_absent]
    return _plain(document, choices[0]) if len(choices) == 1 else schema


def _type(document: Json, plain: Json) -> str:
    if "enum" in plain:
        return "one of " + ", ".join(map(str, plain["enum"]))
    if "const" in plain:
        return str(plain["const"])
    if "anyOf" in plain:
        return " or ".join(_type(document, _plain(document, choice)) for choice in plain["anyOf"])
    if plain.get("type") == "array":
        return f"list of {_type(document, _plain(document, plain.get('items', {})))}"
    return str(plain.get("format") or plain.get("type") or "any")
