"""What a request may be before anything reads it: so large, so deep, so slow.

The body is read here as a whole, which the size makes cheap, so that a refusal comes before any parsing or effect.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.language import language_of
from api.problems import problem_response
from models.refusals import BodyTooLarge, BodyTooSlow, FieldError, InvalidInput, Malformed, NotFound, Refusal

MAX_BYTES = 64 * 1024
LARGER: Mapping[str, int] = {
    # A form writes nine bytes for a Japanese character: 20 destinations and 20 users take more than as JSON.
    "/apply/": 256 * 1024,
    "/codec/": 4 * 1024 * 1024,  # what Temporal takes in one message
    "/v1/device/alerts": 2 * 1024 * 1024,  # up to 1,000 alerts
}
SECONDS = 10
MAX_DEPTH = 20
# A string as a whole, or a bracket outside of strings. Possessive, so that no body makes it slow.
_JSON_PARTS = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


class BodyLimits:
    """ASGI middleware. `larger`: bytes by the beginning of the path."""

    def __init__(self, app: ASGIApp, *, larger: Mapping[str, int] = LARGER, seconds: float = SECONDS) -> None:
        self._app = app
        self._larger = larger
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except Refusal as refusal:
            response = problem_response(refusal, language_of(HTTPConnection(scope)), {"Connection": "close"})
            await response(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when the caller has gone away."""
        _refuse_null_characters(scope)
        allowed = self._allowed(scope["path"])
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > allowed:
            raise BodyTooLarge(facts={"max_bytes": allowed})
        try:
            async with asyncio.timeout(self._seconds):
                body = await _collected(receive, allowed)
        except TimeoutError:
            raise BodyTooSlow from None
        if body and _is_json(scope) and json_depth(body) > MAX_DEPTH:
            raise Malformed
        return body

    def _allowed(self, path: str) -> int:
        return next((size for start, size in self._larger.items() if path.startswith(start)), MAX_BYTES)


def json_depth(body: bytes) -> int:
    """How deep the brackets go, without parsing."""
    depth = deepest = 0
    for part in _JSON_PARTS.finditer(body):
        if part[0] in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif part[0] in (b"]", b"}"):
            depth -= 1
    return deepest


async def _collected(receive: Receive, allowed: int) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > allowed:
            raise BodyTooLarge(facts={"max_bytes": allowed})
        if not message.get("more_body", False):
            return bytes(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, then waits for the caller's leaving as before."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _refuse_null_characters(scope: Scope) -> None:
    """PostgreSQL takes none in any text, so nothing here can have one in its name."""
    if "\x00" in scope["path"]:
        raise NotFound
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if named := dict.fromkeys(name for name, value in query if "\x00" in name + value):
        raise InvalidInput(errors=[FieldError(name, "invalid_characters") for name in named])


def _is_json(scope: Scope) -> bool:
    # FastAPI reads a body without a content type as JSON too.
    content_type = dict(scope["headers"]).get(b"content-type", b"json")
    return b"json" in content_type.lower()
