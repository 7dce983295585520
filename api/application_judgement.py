"""The answers to a tenant's own questions, in an application whose form is wrong otherwise (GEN-07, APP-05).

They are judged by the tenant's definitions, of which the form's types know nothing.
"""

from collections.abc import Mapping
from contextlib import suppress

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from api.context import Context
from api.invitation import find_open_invitation
from api.judged_as_a_whole import Body
from api.rate_limits import RateLimiter, client_key
from models.messages.service_application import ExtraAnswers
from models.refusals import FieldError
from models.rules.extra_fields import answer_errors

_ANSWERS: TypeAdapter[dict[str, str]] = TypeAdapter(ExtraAnswers)


async def wrong_answers(request: Request, body: Body) -> tuple[FieldError, ...]:
    """The look at the invitation is counted like one at its page. Raises what `find_open_invitation` raises."""
    context: Context = request.app.state.context
    limiter: RateLimiter = request.app.state.rate_limiter
    await limiter.take("link_per_client", client_key(request))
    invitation = await find_open_invitation(context, request.path_params["invitation_token"])
    extra = body.get("extra")
    answers: dict[str, str] = {}
    for label, given in extra.items() if isinstance(extra, Mapping) else ():
        with suppress(ValidationError):  # it is named already
            answers |= _ANSWERS.validate_python({label: given})
    return answer_errors(answers, invitation.questions)
