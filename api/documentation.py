"""The API's own description: `/openapi.json` with the conventions told, and `/docs`, readable without any script."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import wording
from api.openapi_outline import outline
from api.problems import MEDIA_TYPE, Problem
from models.refusals import Refusal

_HERE = Path(__file__).parent
_STYLE = (_HERE / "documentation.css").read_text(encoding="utf-8")
_SCHEMAS = "#/components/schemas/{model}"
_JSON = "application/json"
_METHODS = ("get", "put", "post", "delete", "patch")

CONVENTIONS = (
    (
        "Who is calling",
        (
            "`Authorization: Bearer …` with the operator key, a session token, an API key or a device token. "
            "Missing or wrong is 401, known but not allowed 403, another tenant's thing 404."
        ),
    ),
    (
        "Errors",
        (
            "`application/problem+json` (RFC 9457) with a stable `code`; for wrong input `errors` with every wrong "
            "field; for a refused transition 409 with the `state` it now has. Sentences follow `Accept-Language` "
            "(ja, en)."
        ),
    ),
    (
        "Doing it once",
        (
            "Every POST takes an `Idempotency-Key` of 1 to 255 printable characters. The same key and body gives the "
            "first answer again, with `Idempotent-Replayed: true`; the same key with another body is 422."
        ),
    ),
    (
        "Not done yet",
        (
            "A command that is accepted and durable but takes longer than five seconds is answered 202, with the "
            "procedure's address in `Location`."
        ),
    ),
    (
        "Out of reach",
        "503 `unavailable` with `Retry-After`: nothing was taken. Repeat with the same `Idempotency-Key`.",
    ),
    (
        "Too often",
        "429 with `Retry-After`. Limited are anonymous addresses, devices, and requests for remote support of one UTM.",
    ),
    (
        "Lists",
        (
            "`?limit=` (50, at most 200), `?cursor=`, `?sort=field` or `-field`; the answer is `items`, `next_cursor`, "
            "`total`. Number filters take `eq:`, `ne:`, `gte:`, `lte:`."
        ),
    ),
    ("Lost updates", "GET of one thing gives an `ETag`; PATCH and PUT with a stale `If-Match` are 412."),
    ("Forms of values", "Dates are `YYYY-MM-DD`, instants RFC 3339 with offset, money whole yen."),
)


class NotDoneYet(BaseModel):
    """What a 202 says (`api/commands.py`): the procedure, whose address is in `Location`."""

    id: str
    state: Literal["accepted"]


def register(app: FastAPI) -> None:
    """After all routes: describe them at `/openapi.json` and `/docs`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the description
    app.add_api_route("/docs", _docs, include_in_schema=False)
    app.add_api_route("/docs/style.css", _docs_style, include_in_schema=False)


# Not made anew within `register`: FastAPI remembers every endpoint for good, and with it what the endpoint can reach.
async def _docs(request: Request) -> HTMLResponse:
    app = request.app
    if not hasattr(app.state, "documentation"):
        app.state.documentation = _page(app.openapi())
    return HTMLResponse(app.state.documentation)


async def _docs_style() -> Response:
    return Response(_STYLE, media_type="text/css")


def _description(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description="\n\n".join(f"**{title}.** {text}" for title, text in CONVENTIONS),
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (Problem, NotDoneYet):
        schemas.update(models_json_schema([(model, "serialization")], ref_template=_SCHEMAS)[1]["$defs"])
    for methods in document["paths"].values():
        for method in _METHODS:
            if method in methods:
                _tell_conventions(methods[method], writes=method != "get")
    return document


def _tell_conventions(operation: dict[str, Any], *, writes: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = _problem("Refused: `code` says why.")
    responses["503"] = _problem("The database or Temporal is out of reach; nothing was taken.", responses.get("503"))
    responses["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    if writes:
        responses["202"] = _not_done_yet(responses.get("202", {}))


def _not_done_yet(own: dict[str, Any]) -> dict[str, Any]:
    """`own`: what the operation itself answers with 202, if it does."""
    location = {"schema": {"type": "string"}, "description": "The procedure to look at."}
    schema: dict[str, Any] = {"$ref": _SCHEMAS.format(model="NotDoneYet")}
    if of_its_own := own.get("content", {}).get(_JSON, {}).get("schema"):
        schema = {"anyOf": [of_its_own, schema]}
    told = {"description": "Accepted and durable, not done yet.", "headers": {"Location": location}}
    return told | own | {"content": {_JSON: {"schema": schema}}}


def _problem(description: str, own: dict[str, Any] | None = None) -> dict[str, Any]:
    """`own`: what the operation itself answers with that status, if it does."""
    schema = {"$ref": _SCHEMAS.format(model="Problem")}
    content = (own or {}).get("content", {})
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}, **content}}


def _page(document: dict[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _with_code
    template = environment.get_template("documentation.html")
    return template.render(
        title=document["info"]["title"],
        version=document["info"]["version"],
        conventions=CONVENTIONS,
        sections=outline(document),
        problems=_problems(Refusal.known.values()),
        field_codes=wording.sentences(),
    )


def _problems(kinds: Iterable[type[Refusal]]) -> list[tuple[str, int, str, str]]:
    told = [(kind.code, kind.status, kind().sentence("en"), kind().sentence("ja")) for kind in kinds]
    return sorted(told, key=lambda problem: (problem[1], problem[0]))


def _with_code(text: str) -> Markup:
    """What stands between backticks becomes code, everything is escaped."""
    parts = text.split("`")
    marked = [Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)]
    return Markup("").join(marked)
