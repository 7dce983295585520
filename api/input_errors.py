"""Pydantic's errors in our own stable codes and dotted field names. The wrong values themselves are never repeated."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.wording import CODES
from models.refusals import FieldError

_WHOLE_NUMBER = ("int_parsing", "int_type", "int_from_float", "int_parsing_size")
_OUTSIDE = {"body", "query", "header", "cookie"}
_RENAMED: dict[str, tuple[str, dict[str, str]]] = {
    # pydantic's type: (our code, {our limit: its name in pydantic's context})
    "missing": ("required", {}),
    "string_too_long": ("too_long", {"max_length": "max_length"}),
    "string_too_short": ("too_short", {"min_length": "min_length"}),
    "too_short": ("too_few", {"min_length": "min_length"}),
    "too_long": ("too_many", {"max_length": "max_length"}),
    "greater_than_equal": ("too_small", {"minimum": "ge"}),
    "less_than_equal": ("too_large", {"maximum": "le"}),
    "extra_forbidden": ("unknown_field", {}),
    "literal_error": ("unknown_choice", {"choices": "expected"}),
    "enum": ("unknown_choice", {"choices": "expected"}),
    **dict.fromkeys(_WHOLE_NUMBER, ("whole_number", {})),
}


def field_errors(errors: Iterable[Mapping[str, Any]]) -> tuple[FieldError, ...]:
    """Of `RequestValidationError.errors()` or `ValidationError.errors()`; one of several fields becomes several.

    Each is told once, also where a route and its limits both read the body.
    """
    made = [made for error in errors for made in _field_errors(error)]
    return tuple({(one.field, one.code): one for one in made}.values())


def _field_errors(error: Mapping[str, Any]) -> list[FieldError]:
    code, limits = _code(error)
    within = (error.get("ctx") or {}).get("fields")
    names = [field_name((*error["loc"], name)) for name in within] if within else [field_name(error["loc"])]
    return [FieldError(name, code, limits) for name in names]


def field_name(location: Iterable[str | int]) -> str:
    """`("body", "utm_destinations", 0, "quantity")` is `utm_destinations.0.quantity`; the body as a whole is `body`."""
    parts = [str(part) for part in location if part != "[key]"]
    inside = parts[1:] if parts and parts[0] in _OUTSIDE else parts
    return ".".join(inside) or "body"


def _code(error: Mapping[str, Any]) -> tuple[str, dict[str, str | int]]:
    kind = str(error["type"])
    if kind != "extra_forbidden" and _is_nothing(error.get("input")):
        return "required", {}
    if kind in _RENAMED:
        code, names = _RENAMED[kind]
        context = error.get("ctx") or {}
        return code, {ours: _limit(context[theirs]) for ours, theirs in names.items()}
    if kind in CODES:
        return kind, {}
    if kind.startswith("date_"):
        return "invalid_date", {}
    if kind.startswith(("datetime_", "timezone_")):
        return "invalid_instant", {}
    return ("wrong_type" if kind.endswith(("_type", "_parsing")) else "invalid"), {}


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _limit(value: object) -> str | int:
    """Pydantic's choices, `'a', 'b' or 'c'`, as every language lists them."""
    return value if isinstance(value, int) else str(value).replace(" or ", ", ").replace("'", "")
