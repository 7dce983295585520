"""How the checks of a run say what is wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    rule: str
    subject: str
    """A job's name, or an id."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.sentence}"
