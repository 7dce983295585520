"""What the ledgers have of main jobs: applications, customers and users besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from tests.faults.ledgers import Ledgers
from tests.faults.site import TENANT


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


@dataclass
class Evidence(Ledgers):
    recorded_as: ClassVar[Mapping[str, str]] = {
        "apply": "application_submitted",
        "confirm": "application_confirmed",
        "hold": "application_put_on_hold",
        "approve": "application_approved",
        "deny": "application_denied",
        "register": "signup_registered",
    }
    once: ClassVar[frozenset[str]] = frozenset(recorded_as.values()) | {"signup_opened", "signup_expired"}
    may_rest_as: ClassVar[frozenset[str]] = frozenset({"signup_open"})

    expected: list[Expected] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    users: list[User] = field(default_factory=list)

    @property
    def wishes(self) -> Sequence[Expected]:
        return self.expected

    def jobs(self) -> dict[str, str | None]:
        applicants = {expected.applicant: expected.job for expected in self.expected}
        people = {
            address: expected.job for expected in self.expected for address in (expected.registers, expected.lingers)
        }
        return {
            f"service-application-{TENANT}-{application.number}": applicants.get(application.applicant)
            for application in self.applications
        } | {f"signup-{TENANT}-{user.user_id}": people.get(user.mail_address) for user in self.users}

    def job_of_application(self, number: str) -> str | None:
        applicants = {application.number: application.applicant for application in self.applications}
        jobs: dict[str, Any] = {expected.applicant: expected.job for expected in self.expected}
        return jobs.get(applicants.get(number, ""))

    def state_of_job(self, job: str) -> str | None:
        """Its application's."""
        applicants = {expected.job: expected.applicant for expected in self.expected}
        states = {application.applicant: application.state for application in self.applications}
        return states.get(applicants.get(job, ""))

    def customers_of_job(self, job: str) -> list[str]:
        return [
            customer.customer_id
            for customer in self.customers
            if self.job_of_application(customer.application_number) == job
        ]
