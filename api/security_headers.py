"""The security headers of every answer, in one place: strict ones for JSON, and for pages.

An answer that brings a header of its own keeps it.
"""

import base64
import hashlib
from collections.abc import Iterable
from types import MappingProxyType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

ANSWER_HEADERS = MappingProxyType(
    {**_EVERYWHERE, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
)
"""Of JSON and of everything else that is no page."""

PAGE_HEADERS = MappingProxyType(
    {
        **_EVERYWHERE,
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
)
"""Of HTML: the style sheet and the small scripts that pages work without come from this host, nothing else at all."""


def page_headers(inlined_style: str) -> dict[str, str]:
    """Of a page that brings its one style sheet along: no script runs there, and nothing else is fetched at all."""
    digest = base64.b64encode(hashlib.sha256(inlined_style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {**PAGE_HEADERS, "Content-Security-Policy": policy}


class SecurityHeaders:
    """ASGI middleware: adds what an answer does not set by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                _add_missing(headers, (PAGE_HEADERS if is_page else ANSWER_HEADERS).items())
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _add_missing(headers: MutableHeaders, wanted: Iterable[tuple[str, str]]) -> None:
    for name, value in wanted:
        headers.setdefault(name, value)
