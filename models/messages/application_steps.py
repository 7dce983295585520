"""What the service application's workflow says to the API and to its activities (its form: `service_application`)."""

from datetime import datetime
from typing import Any

from models.messages.procedure import Answer, Command, Identity, Step, Upcoming
from models.vocabulary import ApplicationState, Decision, Language


class Submission(Command):
    """The workflow's input. The only message of it that carries people."""

    identity: Identity
    form: dict[str, Any]
    """A `ServiceApplicationInput` that the API has checked, as JSON: tomorrow's limits must not refuse what stands in
    the histories of today."""
    language: Language
    link_id: str
    """Of the confirmation link."""
    invitation_id: str | None = None
    """Of the personal invitation that it answers (APP-18)."""

    @property
    def application_number(self) -> str:
        return self.identity.subject


class Decide(Command):
    """A memo that is absent stays as it was, an empty one is cleared (APP-11)."""

    decision: Decision
    memo1: str | None = None
    memo2: str | None = None
    memo3: str | None = None


class RecordSubmission(Step):
    submission: Submission


class RecordDecision(Step):
    command: Decide
    state: ApplicationState
    user_ids: tuple[str, ...] = ()


class RecordReminder(Step):
    upcoming: tuple[Upcoming, ...] = ()


class Submitted(Answer):
    application_number: str
    confirm_by: datetime


class Recorded(Answer):
    """What came of a step. `reminders`: when the tenant is to be reminded from now on, then every `remind_every`."""

    reminders: tuple[datetime, ...] = ()
    remind_every_seconds: int = 0
    customer_id: str | None = None
    user_ids: tuple[str, ...] = ()
    at: datetime | None = None
    by: str | None = None
