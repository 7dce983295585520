"""AES-256-GCM with a ring of keys: Temporal payloads (GEN-10) and the stored answers to idempotency keys.

A sealed text is `length of the key id (1 byte) ‖ key id ‖ nonce (12) ‖ ciphertext and tag`. The key id and the caller's
context are authenticated, so a sealed text opens only with its own key and in the place it was made for.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.identifiers import nonce

_KEY_BYTES = 32
_NONCE_BYTES = 12


class DecryptionError(Exception):
    """The key is not in the ring, or the text was made for another place, damaged or forged."""


class Cipher:
    """Seals with the current key, opens with any. To rotate: add a key, make it current, later drop the old one."""

    def __init__(self, keys: Mapping[str, bytes], *, current: str) -> None:
        wrong = [key_id for key_id, key in keys.items() if len(key) != _KEY_BYTES or not 0 < len(key_id.encode()) < 256]  # noqa: PLR2004 - its length is one byte
        if wrong:
            message = f"these keys are not 32 bytes long: {', '.join(wrong)}"
            raise ValueError(message)
        if current not in keys:
            message = f"the current key {current} is not among the keys"
            raise ValueError(message)
        self.current = current
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @property
    def key_ids(self) -> frozenset[str]:
        return frozenset(self._keys)

    @classmethod
    def from_base64(cls, keys: Mapping[str, str], *, current: str) -> Self:
        """As the settings hold them: key id → 32 bytes in base64."""
        try:
            decoded = {key_id: base64.b64decode(key, validate=True) for key_id, key in keys.items()}
        except binascii.Error:
            message = "a key is not base64"
            raise ValueError(message) from None  # what could not be decoded is a secret and stays out of the traceback
        return cls(decoded, current=current)

    def encrypt(self, plain: bytes, *, context: bytes = b"") -> bytes:
        head = _head(self.current)
        fresh = nonce()
        return head + fresh + self._keys[self.current].encrypt(fresh, plain, head + context)

    def decrypt(self, sealed: bytes, *, context: bytes = b"") -> bytes:
        """The plain text; `DecryptionError` when it does not open."""
        end = 1 + sealed[0] if sealed else 0
        head, fresh, body = sealed[:end], sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        key = self._keys.get(head[1:].decode(errors="replace"))
        if key is None or len(fresh) < _NONCE_BYTES:
            raise DecryptionError("the key is not among ours")
        try:
            return key.decrypt(fresh, body, head + context)
        except InvalidTag:
            raise DecryptionError("damaged, forged, or made for another place") from None


def _head(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes([len(name)]) + name
