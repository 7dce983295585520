"""All that is wrong with a body at once, also what its types know nothing of (GEN-07).

The framework ends at the first look: what has a wrong shape is never seen by the route. Here what can be read of it is
judged all the same, by the catalogue, the calendar, or the tenant's own questions.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.input_errors import field_errors
from models.refusals import FieldError, InvalidInput

Body = Mapping[str, Any]
Judge = Callable[[Request, Body], Awaitable[Iterable[FieldError]]]
"""What is wrong with a body that has a wrong shape, beside its shape. Whoever asks is known by then, and allowed to."""


def judged_by(judge: Judge) -> type[APIRoute]:
    """The class of routes whose refusals name what `judge` finds as well."""

    class JudgedAsAWhole(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    if not isinstance(error.body, Mapping):  # no JSON, or no object in it: there is nothing to judge
                        raise
                    shape = field_errors(error.errors())
                    further = await judge(request, error.body)
                    raise InvalidInput(errors=joined(shape, further)) from None

            return answer

    return JudgedAsAWhole


def joined(shape: Iterable[FieldError], further: Iterable[FieldError]) -> list[FieldError]:
    """What has a wrong shape is told once: whatever else is said of the field would be of something unreadable."""
    errors = list(shape)
    named = {wrong.field for wrong in errors}
    return [*errors, *(one for one in further if one.field not in named)]


def readable(model: type[BaseModel], body: object) -> dict[str, Any]:
    """The fields that can be read, each by itself; those left out that may be, with their defaults."""
    known: dict[str, Any] = {}
    given = body if isinstance(body, Mapping) else {}
    for name, field in model.model_fields.items():
        if name in given:
            with suppress(ValidationError):  # it is named already
                known[name] = _reader(model, name).validate_python(given[name])
        elif not field.is_required():
            known[name] = field.get_default(call_default_factory=True)
    return known


@cache
def _reader(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())
