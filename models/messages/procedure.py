"""What every procedure's messages are made of. Additive only: histories of years ago must still decode."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from models.vocabulary import OperatorAction, ProcedureKind


class Message(BaseModel):
    """Unknown fields are ignored, so that a message of newer code is read by older code while both run."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Command(Message):
    """A person's or a system's wish. Its id comes of the Idempotency-Key or of the link, and is the Update's id."""

    command_id: str
    fingerprint: str = ""
    """Of the request, so that the same key with another body is noticed."""
    actor: str
    good_until: datetime | None = None
    """Whoever sent it has been told by then that it was not taken, so it must not be taken later."""


class Identity(Message):
    """Which procedure: all ids, so that it may stand in plain text in Temporal."""

    tenant_id: str
    procedure_id: str
    kind: ProcedureKind
    subject: str
    customer_id: str | None = None

    @classmethod
    def of(cls, kind: ProcedureKind, tenant_id: str, subject: str, customer_id: str | None = None) -> Self:
        """The tenant stands in the id: nobody reaches another tenant's procedure by naming its subject (GEN-05)."""
        return cls(
            tenant_id=tenant_id,
            procedure_id=f"{kind}-{tenant_id}-{subject}",
            kind=kind,
            subject=subject,
            customer_id=customer_id,
        )


class Step(Message):
    """A step to record, whoever's it is. `step` makes it happen once in its procedure."""

    identity: Identity
    step: str
    at: datetime
    actor: str


class Upcoming(Message):
    at: datetime
    what: str


class Answer(Message):
    """What a command is answered, the first time and at every repetition."""

    fingerprint: str = ""
    state: str


class Resolve(Command):
    """An operator's word to a procedure that waits for one (GEN-08).

    In the Temporal Web UI `{"action": "retry", "reason": "…"}` is enough.
    """

    command_id: str = "web-ui"
    actor: str = "operator"
    action: OperatorAction
    reason: str
    step: str | None = None
    """Which of several waiting steps; all of them when absent."""


class Attention(Message):
    """A step that is stuck, and what an operator may do about it."""

    step: str
    reason: str
    since: datetime
    actions: tuple[OperatorAction, ...] = (OperatorAction.RETRY, OperatorAction.END)


class BeginProcedure(Message):
    """Another procedure to begin, by its workflow's name. `summary` and `search_attributes` stand in plain text."""

    workflow: str
    identity: Identity
    start: dict[str, Any]
    """The workflow's input, as JSON."""
    search_attributes: dict[str, str]
    summary: str
    anew: bool = False
    """Also when it has run and ended before; while it runs, it is nudged."""


class BeginProcedures(Message):
    orders: tuple[BeginProcedure, ...]


class Nudges(Message):
    """Whom to tell that what they are about has changed in the database."""

    procedure_ids: tuple[str, ...]


class RecordAttention(Message):
    identity: Identity
    waiting: tuple[Attention, ...]
    """Every step that waits for an operator from now on; empty when none does."""
    at: datetime
    actor: str
    what: str
    number: int
    """Counts the procedure's attention records, so that each is written once."""
    detail: dict[str, str] = {}


class RecordEnd(Message):
    """An operator has ended the procedure."""

    identity: Identity
    at: datetime
    actor: str


class DeliverMails(Message):
    tenant_id: str
    procedure_id: str
    reported: tuple[str, ...] = ()
    """The refused mails that an operator knows of already."""


class RefusedMail(Message):
    """A mail that no further try will deliver."""

    mail_id: str
    reason: str


class Delivery(Message):
    """What a delivery leaves behind. `waiting`: other mails of the procedure are still to be tried again."""

    refused: tuple[RefusedMail, ...] = ()
    waiting: bool = False


class SettleMail(Message):
    """What an operator wants done with a refused mail: queued anew (retry) or left unsent (skip)."""

    tenant_id: str
    mail_id: str
    action: OperatorAction
    at: datetime
    actor: str
