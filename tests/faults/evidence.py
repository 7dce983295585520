"""The five ledgers of a run.

What clients were answered, what the database has, what the engine has, what the mail server took, and what another
tenant had before and after.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.client import Operation


@dataclass(frozen=True)
class Expected:
    """What must have come of a job. `decision`: the states of which its application has one."""

    job: str
    applicant: str
    registers: str
    lingers: str
    acts: tuple[str, ...]
    """Each of these must have been answered well in the end."""
    decision: tuple[str, ...] = ("approved",)
    lingering: str = "signup_open"
    """The state of whoever never registers."""
    reminders: tuple[int, ...] = (0,)
    """How many the one who lingers may get: one that falls due before the signup is open is left out."""


@dataclass(frozen=True)
class Application:
    number: str
    state: str
    applicant: str


@dataclass(frozen=True)
class Customer:
    customer_id: str
    application_number: str


@dataclass(frozen=True)
class User:
    user_id: str
    customer_id: str
    mail_address: str
    state: str
    expires_at: datetime
    """The end of the signup."""


@dataclass(frozen=True)
class Procedure:
    procedure_id: str
    subject: str
    state: str
    has_ended: bool
    needs_operator: bool


@dataclass(frozen=True)
class Entry:
    """Of the audit log."""

    procedure_id: str
    what: str
    step: str | None
    subject: str
    at: datetime


@dataclass(frozen=True)
class Letter:
    """A row of the mail ledger."""

    message_id: str
    procedure_id: str
    template: str
    recipient: str
    state: str
    sequence: int


@dataclass(frozen=True)
class Run:
    """A workflow's run, of its history."""

    workflow_id: str
    run_id: str
    status: str
    result: str | None
    accepted_updates: tuple[str, ...]
    failed_tasks: tuple[str, ...]
    """Why workflow tasks failed; a task that a killed worker left is not among them."""


@dataclass(frozen=True)
class Taken:
    """A mail as the mail server took it, in the order of arrival."""

    message_id: str
    recipient: str
    is_ambiguous: bool


@dataclass
class Evidence:
    expected: list[Expected] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    engine_lists: bool = True
    """The rehearsal's engine cannot; then there are no `runs`."""
    taken: list[Taken] = field(default_factory=list)
    untouched: tuple[str, str] = ("", "")
    """Checksums of the other tenant, before and after."""

    def job_of_application(self, number: str) -> str | None:
        applicants = {application.number: application.applicant for application in self.applications}
        jobs: dict[str, Any] = {expected.applicant: expected.job for expected in self.expected}
        return jobs.get(applicants.get(number, ""))
