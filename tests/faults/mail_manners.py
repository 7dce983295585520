"""How a mail server can refuse: when in the conversation, with which words, to whom, and how often."""

from dataclasses import dataclass, field
from enum import StrEnum


class Turn(StrEnum):
    """The server's, in a conversation."""

    GREETING = "greeting"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "the final dot"


class Manner(StrEnum):
    """Instead of an answer."""

    RESET = "reset"
    """At DATA: the connection breaks in the middle of the mail."""
    TAKE_AND_DROP = "take and drop"
    """At the final dot: the mail is taken, and the connection breaks without an answer."""


@dataclass
class Refusal:
    turn: Turn
    answer: str
    """Of SMTP, or a `Manner`."""
    recipient: str | None = None
    """None: everybody; at the greeting and at MAIL nobody is known yet."""
    times: int | None = None
    """None: until it is taken back."""
    met: int = 0


@dataclass
class Refusing:
    refusals: list[Refusal] = field(default_factory=list)

    def answer(self, turn: Turn, *recipients: str) -> str | None:
        """None: it goes on as usual."""
        for refusal in self.refusals:
            if refusal.turn is turn and refusal.recipient in (None, *recipients) and refusal.met != refusal.times:
                refusal.met += 1
                return refusal.answer
        return None
