"""What the UTM addition's workflow says to the API and to its activities."""

from datetime import datetime
from typing import Any

from models.messages.procedure import Answer, Command, Identity, Step, Upcoming
from models.vocabulary import AdditionDecision, AdditionState, Language


class AdditionSubmission(Command):
    """The workflow's input. The only message of it that carries people."""

    identity: Identity
    user_id: str
    """The applicant's."""
    destination: dict[str, Any]
    """A `UtmDestination` that the API has checked, as JSON."""
    language: Language

    @property
    def application_number(self) -> str:
        return self.identity.subject


class DecideAddition(Command):
    decision: AdditionDecision


class RecordAddition(Step):
    submission: AdditionSubmission


class RecordAdditionDecision(Step):
    state: AdditionState


class RecordAdditionReminder(Step):
    upcoming: Upcoming
    """The next one."""


class AdditionRecorded(Answer):
    """What came of a step. `reminders`: when the tenant is to be reminded, then every `remind_every_seconds`."""

    reminders: tuple[datetime, ...] = ()
    remind_every_seconds: int = 0
