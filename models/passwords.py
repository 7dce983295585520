"""Keeping passwords: argon2id (TEN-05), off the event loop, and only so many at once that memory stays bounded."""

import asyncio
import base64

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

# OWASP's second recommendation: enough against a stolen table, and small enough for a small machine.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_AT_ONCE = 2
"""Each takes 19 MiB while it runs."""


def _nobodys_hash() -> str:
    """A hash with today's parameters that no known password fits."""
    zeros = (base64.b64encode(bytes(length)).rstrip(b"=").decode() for length in (_HASHER.salt_len, _HASHER.hash_len))
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return "$".join(["", "argon2id", "v=19", costs, *zeros])


_NOBODYS = _nobodys_hash()


class Passwords:
    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._turn = asyncio.Semaphore(at_once)

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether it is the password of the stored hash. Without a hash it takes as long and is wrong (AUT-01)."""
        async with self._turn:
            fits = await asyncio.to_thread(_fits, stored or _NOBODYS, password)
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Hashed with other parameters than today's: to be hashed anew at the next chance."""
        return _HASHER.check_needs_rehash(stored)


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except VerifyMismatchError:
        return False
