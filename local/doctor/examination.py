"""How a part of a running product is examined: each check says what it found, or what is wrong and what helps."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

PATIENCE = 8  # seconds for one check
_NOBODY_THERE = ("connection refused", "connection attempts failed", "error connecting to", "name or service not known")


class Verdict(StrEnum):
    FINE = "fine"
    NOTE = "note"
    """Works, and should not stay so."""
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    part: str
    verdict: Verdict
    words: str
    remedy: str = ""


class AilingError(Exception):
    """`words`: what is wrong; `remedy`: what to do. `mild`: it works, and should not stay so."""

    def __init__(self, words: str, *, remedy: str, mild: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.remedy = remedy
        self.verdict = Verdict.NOTE if mild else Verdict.WRONG


@dataclass(frozen=True)
class Check:
    """`examine` answers with what it found, or raises AilingError. `remedy`: what helps when it fails otherwise."""

    part: str
    examine: Callable[[], Awaitable[str]]
    remedy: str

    async def find(self) -> Finding:
        try:
            async with asyncio.timeout(PATIENCE):
                return Finding(self.part, Verdict.FINE, await self.examine())
        except AilingError as ailing:
            return Finding(self.part, ailing.verdict, ailing.words, ailing.remedy)
        except TimeoutError:
            return Finding(self.part, Verdict.WRONG, f"no answer within {PATIENCE} s", self.remedy)
        except Exception as error:  # noqa: BLE001 - whatever a check runs into is its finding
            return Finding(self.part, Verdict.WRONG, _in_words(error), self.remedy)


async def examine(groups: Sequence[Sequence[Check]]) -> list[Finding]:
    """All groups at once. Of a group whose first check fails the others would only say the same, and are left out."""
    return [finding for group in await asyncio.gather(*map(_find_all, groups)) for finding in group]


async def _find_all(group: Sequence[Check]) -> list[Finding]:
    first, *others = group
    found = await first.find()
    if found.verdict is Verdict.WRONG:
        return [found]
    return [found, *await asyncio.gather(*(check.find() for check in others))]


def _in_words(error: Exception) -> str:
    """Several libraries have each their own way to say that nobody is there."""
    text = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, OSError) or any(words in str(error).lower() for words in _NOBODY_THERE):
        return "nothing answers there"
    return f"{type(error).__name__}: {text.rpartition(' failed: ')[2]}"[:200]
