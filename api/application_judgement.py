"""All that is wrong with an application at once, the answers to the tenant's own questions too (GEN-07, APP-05).

Those are judged by the tenant's definitions, of which the form's types know nothing.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from api.context import Context
from api.input_errors import field_errors
from api.invitation import find_open_invitation
from api.rate_limits import RateLimiter, client_key
from models.messages.service_application import ExtraAnswers
from models.refusals import FieldError, InvalidInput
from models.rules.extra_fields import answer_errors

_ANSWERS: TypeAdapter[dict[str, str]] = TypeAdapter(ExtraAnswers)


class JudgedAsAWhole(APIRoute):
    """The route of an application behind an invitation."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                if not isinstance(error.body, Mapping):  # no JSON, or no form in it: there are no answers to judge
                    raise
                errors = field_errors(error.errors())
                named = {wrong.field for wrong in errors}
                further = await _answer_errors(request, error.body.get("extra"))
                raise InvalidInput(errors=[*errors, *(one for one in further if one.field not in named)]) from None

        return answer


async def _answer_errors(request: Request, extra: object) -> tuple[FieldError, ...]:
    """The look at the invitation is counted like one at its page. Raises what `find_open_invitation` raises."""
    context: Context = request.app.state.context
    limiter: RateLimiter = request.app.state.rate_limiter
    await limiter.take("link_per_client", client_key(request))
    invitation = await find_open_invitation(context, request.path_params["invitation_token"])
    answers: dict[str, str] = {}
    for label, given in extra.items() if isinstance(extra, Mapping) else ():
        with suppress(ValidationError):  # it is named already
            answers |= _ANSWERS.validate_python({label: given})
    return answer_errors(answers, invitation.questions)
