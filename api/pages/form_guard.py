"""Keeps other sites from posting our forms with their visitors' browsers.

Three things must fit. What the browser says of the form's origin: `Sec-Fetch-Site`, or in its absence `Origin`; a page
that sends no referrer posts `Origin: null`, which counts only with `Sec-Fetch-Site: same-origin`. A nonce in the form.
And the cookie that the nonce was made from. Who sends none of these three headers is no browser, and carries nobody's
authority but its own.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

from fastapi import Request, Response

from models.identifiers import secret_token

FIELD = "form_nonce"
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Provenance(Enum):
    OWN = auto()
    STALE = auto()
    """Our own form, but its cookie is gone or another: to be shown again, entries kept."""
    FOREIGN = auto()


@dataclass(frozen=True)
class FormGuard:
    """`key`: what nonces are made with. `base_url`: where the tenant's people reach the pages."""

    key: bytes
    base_url: str

    def provenance(self, request: Request, nonce: str) -> Provenance:
        """Where a posted form comes from. `nonce` is the form's field of that name."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site is not None and site != "same-origin":
            return Provenance.FOREIGN
        if site is None and origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return Provenance.FOREIGN
        cookie = self._cookie(request)
        if site is None and origin is None and cookie is None:
            return Provenance.OWN
        fits = cookie is not None and hmac.compare_digest(self._nonce(cookie).encode(), nonce.encode())
        return Provenance.OWN if fits else Provenance.STALE

    def arm(self, request: Request) -> tuple[str, str]:
        """The cookie's value, kept while there is one so that forms in other tabs stay good, and the form's nonce."""
        cookie = self._cookie(request) or secret_token()
        return cookie, self._nonce(cookie)

    def set_cookie(self, request: Request, response: Response, cookie: str) -> None:
        # `Lax`, not `Strict`: whoever comes again by a link in a mail keeps the cookie of the tabs that are open.
        response.set_cookie(
            self._cookie_name(request),
            cookie,
            path="/",
            secure=self._is_secure(request),
            httponly=True,
            samesite="lax",
        )

    def _cookie(self, request: Request) -> str | None:
        cookie = request.cookies.get(self._cookie_name(request), "")
        return cookie if _COOKIE.fullmatch(cookie) else None

    def _nonce(self, cookie: str) -> str:
        return hmac.new(self.key, f"form nonce\n{cookie}".encode(), hashlib.sha256).hexdigest()

    def _cookie_name(self, request: Request) -> str:
        return "__Host-form" if self._is_secure(request) else "form"

    def _is_secure(self, request: Request) -> bool:
        """Everywhere but on this machine, and where the pages are meant to be reached by plain http."""
        return self.base_url.startswith("https:") and request.url.hostname not in _LOOPBACK
