"""Problem documents (RFC 9457): the one form in which the API says no (GEN-07).

`register(app)` makes them of refusals, of wrong input, of unknown addresses, of a database or a Temporal out of reach
(503, nothing was taken), and of mistakes of ours (500 with an error id and nothing else).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import sqlalchemy.exc
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.outages import ENGINE_AWAY
from api.input_errors import field_errors
from api.language import language_of
from api.security_headers import ANSWER_HEADERS
from api.wording import sentence
from models import refusals
from models.identifiers import ordered_id
from models.refusals import Refusal
from models.vocabulary import Language

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_SECONDS = 5
_log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    field: str = Field(examples=["utm_destinations.0.quantity"])
    code: str = Field(examples=["too_large"])
    message: str = Field(examples=["At most 999."])


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` and `message` follow `Accept-Language`. More members may name facts."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/docs#problem-invalid_input"])
    title: str = Field(examples=["Invalid input"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["Some of the input is wrong."])
    code: str = Field(examples=["invalid_input"])
    state: str | None = Field(default=None, description="409: the state that it now has.")
    errors: list[FieldProblem] | None = Field(default=None, description="Every wrong field.")


def problem(refusal: Refusal, language: Language) -> dict[str, Any]:
    """The document's members; the facts cannot displace one of the standard's."""
    document: dict[str, Any] = {
        **refusal.facts,
        "type": f"/docs#problem-{refusal.code}",
        "title": refusal.code.replace("_", " ").capitalize(),
        "status": refusal.status,
        "detail": refusal.sentence(language),
        "code": refusal.code,
    }
    if refusal.state is not None:
        document["state"] = refusal.state
    if refusal.errors:
        document["errors"] = [
            {"field": error.field, "code": error.code, "message": sentence(error, language)} for error in refusal.errors
        ]
    return document


def problem_response(refusal: Refusal, language: Language, headers: Mapping[str, str] | None = None) -> JSONResponse:
    response = JSONResponse(
        problem(refusal, language),
        status_code=refusal.status,
        media_type=MEDIA_TYPE,
        headers={**ANSWER_HEADERS, **(headers or {}), "Content-Language": language.value, "Vary": "Accept-Language"},
    )
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def refusal_of(error: BaseException) -> Refusal | None:
    """The refusal that an error stands for, if it does: raised here, come back from a workflow, or an outage."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _refused_input(error)
    if isinstance(error, WorkflowUpdateFailedError) and isinstance(error.cause, ApplicationError):
        return Refusal.from_code(error.cause.type or "", _details(error.cause))
    if _is_outage(error):
        return refusals.Unavailable(retry_after=_RETRY_AFTER_SECONDS)
    return None


def unexpected(error: BaseException) -> Refusal:
    """What a caller is told of a mistake of ours: the id under which the log has it."""
    error_id = ordered_id()
    _log.error("unexpected error", error_id=error_id, exc_info=error)
    return refusals.Unexpected(facts={"error_id": error_id})


def register(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    for kind in (
        Refusal,
        RequestValidationError,
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
        RPCError,
        RuntimeError,
        sqlalchemy.exc.OperationalError,
        sqlalchemy.exc.InterfaceError,
        sqlalchemy.exc.TimeoutError,
    ):
        app.add_exception_handler(kind, _answer_refusal)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_refusal(request: Request, error: Exception) -> JSONResponse:
    refusal = refusal_of(error)
    if refusal is None:
        raise error
    if isinstance(refusal, refusals.Unavailable):
        _log.warning("out of reach", kind=type(error).__name__)
    return problem_response(refusal, language_of(request))


async def _answer_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself raises: no such address, no such method, an unreadable body."""
    known: dict[int, type[Refusal]] = {
        HTTPStatus.UNAUTHORIZED: refusals.Unauthenticated,
        HTTPStatus.FORBIDDEN: refusals.Forbidden,
        HTTPStatus.NOT_FOUND: refusals.NotFound,
        HTTPStatus.METHOD_NOT_ALLOWED: refusals.MethodNotAllowed,
    }
    if not isinstance(error, HTTPException):
        raise error
    refusal = known.get(error.status_code, refusals.Malformed)()
    is_wrong_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    headers = {"Allow": ", ".join(_methods(request))} if is_wrong_method else error.headers
    return problem_response(refusal, language_of(request), headers)


def _methods(request: Request) -> list[str]:
    """What the address can be asked with: there is a route for each, and the framework names only the first one's."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    paths = [route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes if route.path in paths[:1] for method in route.methods or ()})


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    return problem_response(unexpected(error), language_of(request))


def _refused_input(error: RequestValidationError) -> Refusal:
    errors = error.errors()
    if any(wrong["type"] == "json_invalid" for wrong in errors):
        return refusals.Malformed()
    if any(wrong["loc"][0] == "path" for wrong in errors):
        return refusals.NotFound()  # an id that cannot be is an id that is not
    return refusals.InvalidInput(errors=field_errors(errors))


def _details(cause: ApplicationError) -> Mapping[str, Any]:
    first = cause.details[0] if cause.details else {}
    return first if isinstance(first, Mapping) else {}


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, RPCError):
        return error.status in ENGINE_AWAY
    if isinstance(error, RuntimeError):
        # What a lazy Temporal client raises while it cannot make its first connection.
        return str(error).startswith("Failed client connect")
    return isinstance(
        error,
        WorkflowUpdateRPCTimeoutOrCancelledError
        | sqlalchemy.exc.OperationalError
        | sqlalchemy.exc.InterfaceError
        | sqlalchemy.exc.TimeoutError,
    )
