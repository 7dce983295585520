"""The UTM addition's mails: to whom, in which language, with which values (ADD-02, ADD-04, ADD-05)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from mail_templates.wording import application_state, person_name, postal_address
from models import outbox
from models.outbox import Letter
from models.tables.applications import UtmAddition
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.vocabulary import ApplicationState, Language, Mail


@dataclass(frozen=True)
class Reader:
    mail_address: str
    last_name: str
    first_name: str


@dataclass(frozen=True)
class Addition:
    """An application with what its mails need besides: its company's name, and the tenant's people."""

    row: Row[tuple[UtmAddition]]
    company_name: str
    tenant_language: Language
    notified: list[str]

    def values(self, reader: Reader, language: Language) -> dict[str, str]:
        to = self.row.destination
        return {
            "ApplicationNumber": self.row.application_number,
            "CompanyName": self.company_name,
            "ApplicantName": person_name(reader.last_name, reader.first_name, language),
            "Quantity": str(to["quantity"]),
            "DestinationAddress": postal_address(to["postal_code"], to["prefecture"] + to["address"], language),
        }

    @property
    def applicant(self) -> Reader:
        """As they were when they applied."""
        return Reader(self.row.mail_address, self.row.last_name, self.row.first_name)


async def told_of(connection: AsyncConnection, row: Row[tuple[UtmAddition]]) -> Addition:
    tenant = await tenant_row(connection, row.tenant_id)
    name = await connection.execute(
        select(Customer.company_name).where(
            Customer.tenant_id == row.tenant_id, Customer.customer_id == row.customer_id
        )
    )
    addresses = await outbox.notification_addresses(connection, row.tenant_id)
    return Addition(row, name.scalar_one(), Language(tenant.language), addresses)


async def reader_of_result(connection: AsyncConnection, row: Row[tuple[UtmAddition]]) -> Reader:
    """The applicant at today's address; the company's contact where the applicant has been deleted meanwhile."""
    user = PortalUser.tenant_id == row.tenant_id, PortalUser.user_id == row.user_id
    applicant = await connection.execute(
        select(PortalUser.mail_address, PortalUser.last_name, PortalUser.first_name).where(*user)
    )
    found = applicant.first()
    if found is None:
        company = Customer.tenant_id == row.tenant_id, Customer.customer_id == row.customer_id
        contact = await connection.execute(
            select(Customer.mail_address, Customer.last_name, Customer.first_name).where(*company)
        )
        found = contact.one()
    return Reader(*found)


def completed(addition: Addition) -> Letter:
    return _to_customer(addition, Mail.UTM_ADDITION_COMPLETED, addition.applicant)


def result(addition: Addition, reader: Reader) -> Letter:
    language = Language(addition.row.language)
    state = application_state(ApplicationState(addition.row.state), language)
    return _to_customer(addition, Mail.UTM_ADDITION_RESULT, reader, {"Result": state})


def received(addition: Addition) -> list[Letter]:
    return _to_tenant(addition, Mail.UTM_ADDITION_RECEIVED)


def reminder(addition: Addition, now: datetime) -> list[Letter]:
    waiting = (now - addition.row.submitted_at) // timedelta(days=1)
    return _to_tenant(addition, Mail.UTM_ADDITION_REMINDER, {"DaysWaiting": str(waiting)})


def _to_customer(addition: Addition, mail: Mail, reader: Reader, more: dict[str, str] | None = None) -> Letter:
    language = Language(addition.row.language)
    values = addition.values(reader, language) | (more or {})
    return Letter(mail=mail, recipient=reader.mail_address, language=language, values=values)


def _to_tenant(addition: Addition, mail: Mail, more: dict[str, str] | None = None) -> list[Letter]:
    language = addition.tenant_language
    values = addition.values(addition.applicant, language) | {"CustomerID": addition.row.customer_id} | (more or {})
    return [Letter(mail=mail, recipient=address, language=language, values=values) for address in addition.notified]
