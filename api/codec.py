"""Decrypting for operators what Temporal keeps encrypted (GEN-10): the codec endpoint of its Web UI and command line.

The Web UI asks from the operator's browser, with the cookie of `api/codec_cookie.py`, and its origin alone may read
the answer. The command line sends the operator key itself: `--codec-endpoint …/codec --codec-auth "Bearer <key>"`.
"""

from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload, Payloads

from api.authentication import Caller, Credentials, is_operator
from api.codec_cookie import is_signed_in
from api.context import Shared
from api.rate_limits import per_client
from models.encryption import DecryptionError
from models.refusals import Forbidden, Malformed, Unauthenticated
from settings import Settings
from workflows.codec import EncryptionCodec

router = APIRouter(prefix="/codec", tags=["Operators"], include_in_schema=False)
_PATHS = ("/codec/decode", "/codec/encode")
_log = structlog.get_logger(__name__)


async def _operator(request: Request, context: Shared, credentials: Credentials) -> Caller:
    """The operator, by key or by cookie. The cookie counts only in what the Web UI's own pages ask.

    Raises:
        Unauthenticated: neither. Forbidden: the cookie, sent along by another site.
    """
    if credentials is not None:
        if not is_operator(context, credentials.credentials):
            raise Unauthenticated
        return Caller("operator key")
    if not is_signed_in(request, context.settings):
        raise Unauthenticated
    if request.headers.get("Origin") != web_ui_origin(context.settings):
        raise Forbidden
    return Caller("operator in the Web UI")


async def _payloads(request: Request) -> list[Payload]:
    """The body: `{payloads: [{metadata, data}]}`, bytes in base64, as Temporal's programs send it."""
    try:
        return list(Parse(await request.body(), Payloads(), ignore_unknown_fields=True).payloads)
    except ParseError:
        raise Malformed from None


Operator = Annotated[Caller, Depends(_operator)]
SentPayloads = Annotated[list[Payload], Depends(_payloads)]


@router.post("/decode", dependencies=[per_client("codec_per_client")])
async def decode(request: Request, context: Shared, operator: Operator, payloads: SentPayloads) -> Response:
    """What cannot be decrypted says so in its place, so that the rest of a history stays readable."""
    codec = EncryptionCodec(context.cipher)
    decoded = [await _decoded(codec, payload) for payload in payloads]
    _log.info(
        "payloads decoded",
        actor=operator.actor,
        namespace=request.headers.get("X-Namespace"),
        payloads=len(payloads),
    )
    return _answer(decoded)


@router.post("/encode", dependencies=[per_client("codec_per_client")])
async def encode(context: Shared, operator: Operator, payloads: SentPayloads) -> Response:
    """For what an operator types into the Web UI or the command line: the input of an update."""
    return _answer(await EncryptionCodec(context.cipher).encode(payloads))


async def _decoded(codec: EncryptionCodec, payload: Payload) -> Payload:
    try:
        return (await codec.decode([payload]))[0]
    except DecryptionError as error:
        return Payload(metadata={"encoding": b"json/plain"}, data=f'"(not readable: {error})"'.encode())


def _answer(payloads: list[Payload]) -> Response:
    return Response(MessageToJson(Payloads(payloads=payloads), indent=None), media_type="application/json")


def web_ui_origin(settings: Settings) -> str | None:
    if settings.temporal_ui_url is None:
        return None
    address = urlsplit(settings.temporal_ui_url)
    return f"{address.scheme}://{address.netloc}"


class _WebUiMayRead:
    """ASGI middleware: CORS for the codec's two addresses, for one origin, with credentials. Never a wildcard."""

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=[origin],
            allow_credentials=True,
            allow_methods=["POST"],
            allow_headers=["Content-Type", "X-Namespace"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._shared if scope["type"] == "http" and scope["path"] in _PATHS else self._app
        await app(scope, receive, send)


def register(app: FastAPI, settings: Settings) -> None:
    """Let the Web UI read the answers, where there is one."""
    origin = web_ui_origin(settings)
    if origin is not None:
        app.add_middleware(_WebUiMayRead, origin=origin)
