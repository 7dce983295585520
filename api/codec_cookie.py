"""The cookie by which an operator's browser may have payloads decoded in the Temporal Web UI.

The Web UI of a small installation has no sign-in of its own and can send no key, only cookies. The cookie holds no
key: it is signed with the operator key, lasts eight hours, and dies when that key is changed.
"""

import hashlib

from fastapi import Request, Response
from itsdangerous import BadSignature, TimestampSigner

from settings import Settings

SECONDS = 8 * 60 * 60
_VALUE = "operator"


def is_signed_in(request: Request, settings: Settings) -> bool:
    try:
        value = request.cookies.get(_name(settings), "")
        return _signer(settings).unsign(value, max_age=SECONDS) == _VALUE.encode()
    except BadSignature:
        return False


def sign_in(response: Response, settings: Settings) -> None:
    value = _signer(settings).sign(_VALUE).decode()
    response.set_cookie(
        _name(settings),
        value,
        max_age=SECONDS,
        path="/",
        secure=_is_secure(settings),
        httponly=True,
        samesite="strict",
    )


def sign_out(response: Response, settings: Settings) -> None:
    response.delete_cookie(_name(settings), path="/", secure=_is_secure(settings), httponly=True, samesite="strict")


def _name(settings: Settings) -> str:
    return "__Host-codec" if _is_secure(settings) else "codec"


def _is_secure(settings: Settings) -> bool:
    return settings.base_url.startswith("https:")


def _signer(settings: Settings) -> TimestampSigner:
    key = settings.operator_key.get_secret_value()
    return TimestampSigner(key, salt="codec sign-in", key_derivation="hmac", digest_method=hashlib.sha256)
