"""What a password may be (TEN-05)."""

import re
import string
from collections.abc import Set as AbstractSet

from models.refusals import FieldError

MIN_LENGTH = 12
MAX_LENGTH = 128
"""Taken whole up to here, never shortened."""
SIGNS = "=+^$*.[]{}()?-\"!@#%&/\\,><':;_~`"

_ALLOWED = frozenset(string.ascii_letters + string.digits + SIGNS)
_ROWS = (
    "01234567890",
    "1234567890",
    string.ascii_lowercase,
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertyuiopasdfghjkl",
)
_WORDS = (
    *("password", "passw0rd", "p@ssword", "p@ssw0rd", "pass", "qwerty", "qwertyuiop", "asdfgh", "asdfghjkl", "zxcvbn"),
    *("zxcvbnm", "azerty", "letmein", "welcome", "admin", "administrator", "root", "user", "guest", "login", "test"),
    *("testing", "default", "changeme", "secret", "security", "access", "master", "manager", "support", "service"),
    *("iloveyou", "sunshine", "princess", "dragon", "monkey", "football", "baseball", "soccer", "superman", "batman"),
    *("starwars", "pokemon", "computer", "internet", "samsung", "google", "windows", "whatever", "freedom", "trustno"),
    *("shadow", "michael", "jordan", "charlie", "summer", "winter", "spring", "autumn", "monday", "friday", "abc"),
    *("japan", "tokyo", "sakura", "nippon", "tetsuzuki"),
)
_WORD_AND_NUMBER = re.compile(rf"(?:{'|'.join(map(re.escape, _WORDS))}){{1,3}}([0-9]*)[!?.@#$]*")
_REPETITION = re.compile(r"(.{1,6}?)\1+.?")


def password_errors(
    password: str, confirmation: str, *, mail_address: str, common: AbstractSet[str]
) -> tuple[FieldError, ...]:
    """Everything that is wrong with a new password; `common` holds known common passwords in lower case."""
    errors = []
    if not password:
        return (FieldError("password", "required"),)
    if len(password) < MIN_LENGTH:
        errors.append(FieldError("password", "too_short", {"min_length": MIN_LENGTH}))
    if len(password) > MAX_LENGTH:
        errors.append(FieldError("password", "too_long", {"max_length": MAX_LENGTH}))
    if not _ALLOWED.issuperset(password):
        errors.append(FieldError("password", "password_characters"))
    if password.lower() in (mail_address.lower(), mail_address.lower().partition("@")[0]):
        errors.append(FieldError("password", "password_is_address"))
    if is_common(password, common):
        errors.append(FieldError("password", "password_common"))
    if password != confirmation:
        errors.append(FieldError("password_confirmation", "differs"))
    return tuple(errors)


def is_common(password: str, common: AbstractSet[str]) -> bool:
    """Known; or repetitive; or a run along the keyboard; or a favourite word with a favourite number and signs."""
    folded = password.lower()
    if folded in common or _REPETITION.fullmatch(folded) or _is_run(folded):
        return True
    word = _WORD_AND_NUMBER.fullmatch(folded)
    return word is not None and (not word[1] or _is_run(word[1]) or len(set(word[1])) == 1)


def _is_run(text: str) -> bool:
    """Along a row, forwards or backwards, over its end and on."""
    rows = [direction for row in _ROWS for direction in (row, row[::-1])]
    return any(text in row * (len(text) // len(row) + 2) for row in rows)
