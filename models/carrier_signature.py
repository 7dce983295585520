"""How the product and a carrier prove themselves to each other: HMAC-SHA256 with a key that both hold.

Signed is `timestamp LF method LF path LF body`, with the timestamp in Unix seconds; the header `X-Carrier-Signature`
holds `v1=` and the hex digest, `X-Carrier-Timestamp` the timestamp. Method and path are part of it, so that what one
side has signed is no request to the other. A signature is good for five minutes; repetitions within them change
nothing, because events have ids.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

TIMESTAMP = "X-Carrier-Timestamp"
SIGNATURE = "X-Carrier-Signature"
_GOOD_FOR_SECONDS = 300


def headers(key: bytes, method: str, path: str, *, body: bytes, at: datetime) -> dict[str, str]:
    """`at`: by the machine's own time, also under rehearsal."""
    timestamp = str(int(at.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(key, timestamp, method, path=path, body=body)}


def is_genuine(key: bytes, method: str, path: str, *, body: bytes, sent: Mapping[str, str], now: datetime) -> bool:
    """`sent`: the request's headers, in lower case or case-insensitive."""
    timestamp, signature = sent.get(TIMESTAMP.lower(), ""), sent.get(SIGNATURE.lower(), "")
    if not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > len("9999999999"):
        return False
    if abs(now.timestamp() - int(timestamp)) > _GOOD_FOR_SECONDS:
        return False
    expected = _signature(key, timestamp, method, path=path, body=body)
    return hmac.compare_digest(expected.encode(), signature.encode())


def _signature(key: bytes, timestamp: str, method: str, *, path: str, body: bytes) -> str:
    signed = f"{timestamp}\n{method.upper()}\n{path}\n".encode() + body
    return "v1=" + hmac.digest(key, signed, hashlib.sha256).hex()
