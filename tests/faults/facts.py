"""What the checks of a run have in common: how they say what is wrong, and which job everything belongs to."""

from dataclasses import dataclass

from tests.faults.evidence import Evidence
from tests.faults.site import TENANT


@dataclass(frozen=True)
class Violation:
    rule: str
    subject: str
    """A job's name, or an id."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.sentence}"


class Facts:
    """Which job everything belongs to."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        jobs = {expected.applicant: expected.job for expected in evidence.expected}
        people = {
            address: expected.job
            for expected in evidence.expected
            for address in (expected.registers, expected.lingers)
        }
        self._by_procedure = {
            f"service-application-{TENANT}-{application.number}": jobs.get(application.applicant)
            for application in evidence.applications
        } | {f"signup-{TENANT}-{user.user_id}": people.get(user.mail_address) for user in evidence.users}

    def job(self, procedure_id: str) -> str | None:
        return self._by_procedure.get(procedure_id)

    def of_job(self, job: str) -> list[tuple[str, str]]:
        """(procedure id, what) of its audit entries."""
        return [
            (entry.procedure_id, entry.what)
            for entry in self._evidence.entries
            if self._by_procedure.get(entry.procedure_id) == job
        ]

    def state_of_job(self, job: str) -> str | None:
        """Its application's."""
        applicants = {expected.job: expected.applicant for expected in self._evidence.expected}
        states = {application.applicant: application.state for application in self._evidence.applications}
        return states.get(applicants.get(job, ""))

    def customers_of_job(self, job: str) -> list[str]:
        return [
            customer.customer_id
            for customer in self._evidence.customers
            if self._evidence.job_of_application(customer.application_number) == job
        ]
