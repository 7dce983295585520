"""Identifiers and secrets: the only place that draws randomness, and the forms of the ids people see.

`seed`: with an idempotency key, the same request must name the same new thing, so ids can also be drawn from a keyed
hash of that request instead of from the system's randomness.
"""

import base64
import hashlib
import re
import secrets
import string
import time
import uuid

BASE36 = string.digits + string.ascii_uppercase
TENANT_ID = re.compile(r"T[0-9]{7}")
REMOTE_SUPPORT_NUMBER = re.compile(r"RS-[0-9A-Z]{8}")
VIEWER_REQUEST_NUMBER = re.compile(r"VR-[0-9A-Z]{8}")


class Draw:
    """A source of ids: random, or settled by a seed (the same seed draws the same ids, in the same order)."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._seed = seed
        self._drawn = 0

    def below(self, bound: int) -> int:
        if self._seed is None:
            return secrets.randbelow(bound)
        self._drawn += 1
        digest = hashlib.sha256(self._seed + self._drawn.to_bytes(4, "big")).digest()
        return int.from_bytes(digest, "big") % bound

    def text(self, alphabet: str, length: int) -> str:
        return "".join(alphabet[self.below(len(alphabet))] for _ in range(length))

    def tenant_id(self) -> str:
        return f"T{1 + self.below(9)}{self.text(string.digits, 6)}"

    def customer_id(self) -> str:
        return f"A{self.text(string.digits, 8)}"

    def contract_number(self) -> str:
        return f"A-S{self.text(string.digits, 8)}"

    def application_number(self) -> str:
        return f"AAP-{self.text(BASE36, 8)}"

    def addition_number(self) -> str:
        return f"UAP-{self.text(BASE36, 8)}"

    def remote_support_number(self) -> str:
        return f"RS-{self.text(BASE36, 8)}"

    def viewer_request_number(self) -> str:
        return f"VR-{self.text(BASE36, 8)}"

    def product_id(self) -> str:
        return f"P-{self.text(string.digits, 8)}"

    def rate_plan_id(self) -> str:
        return f"RP-{self.text(string.digits, 8)}"

    def charge_id(self) -> str:
        return f"CH-{self.text(string.digits, 8)}"

    def user_id(self) -> str:
        return self.text(string.ascii_uppercase, 2) + self.text(string.digits, 6)

    def opaque_id(self) -> str:
        """32 hex digits: persons, links, mails and whatever else people do not read out."""
        return f"{self.below(1 << 128):032x}"


def secret_token() -> str:
    """256 random bits, URL-safe: session tokens and API keys."""
    return secrets.token_urlsafe(32)


def encryption_key() -> str:
    """32 random bytes in base64: a key of the ring that payloads and stored answers are encrypted with."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def sms_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def nonce() -> bytes:
    """96 random bits: what AES-GCM needs afresh for each message."""
    return secrets.token_bytes(12)


def ordered_id() -> str:
    """A UUIDv7 (RFC 9562) as 32 hex digits: rows that are read back in the order they were made."""
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return uuid.UUID(int=number).hex


def digest(token: str) -> str:
    """What the database keeps of a secret token of at least 128 bits: SHA-256, hex."""
    return hashlib.sha256(token.encode()).hexdigest()
