"""The service application's mails: to whom, in which language, with which values."""

from datetime import datetime, timedelta

from sqlalchemy import Row

from mail_templates.wording import application_state, moment, person_name
from models.messages.application_steps import Submission
from models.outbox import Letter
from models.tables.applications import ServiceApplication
from models.vocabulary import ApplicationState, Language, Mail


def confirmation(submission: Submission, confirm_by: datetime, zone: str) -> list[Letter]:
    company = submission.form["company"]
    language = submission.language
    return [
        Letter(
            mail=Mail.APPLICATION_CONFIRMATION,
            recipient=company["mail_address"],
            language=language,
            link_id=submission.link_id,
            values={
                "ApplicationNumber": submission.application_number,
                "CompanyName": company["company_name"],
                "ApplicantName": person_name(company["last_name"], company["first_name"], language),
                "Deadline": moment(confirm_by, zone, language),
            },
        )
    ]


def completed(row: Row[tuple[ServiceApplication]]) -> Letter:
    return _to_applicant(row, Mail.APPLICATION_COMPLETED, {})


def result(row: Row[tuple[ServiceApplication]]) -> Letter:
    language = Language(row.language)
    state = application_state(ApplicationState(row.state), language)
    return _to_applicant(row, Mail.APPLICATION_RESULT, {"Result": state})


def received(row: Row[tuple[ServiceApplication]], language: str, addresses: list[str]) -> list[Letter]:
    return _to_tenant(row, Mail.APPLICATION_RECEIVED, language, addresses)


def decided(row: Row[tuple[ServiceApplication]], language: str, addresses: list[str]) -> list[Letter]:
    state = application_state(ApplicationState(row.state), Language(language))
    return _to_tenant(row, Mail.APPLICATION_DECIDED, language, addresses, {"Result": state})


def reminder(row: Row[tuple[ServiceApplication]], now: datetime, language: str, addresses: list[str]) -> list[Letter]:
    waiting = (now - (row.confirmed_at or row.submitted_at)) // timedelta(days=1)
    status = application_state(ApplicationState(row.state), Language(language))
    return _to_tenant(
        row, Mail.APPLICATION_REMINDER, language, addresses, {"DaysWaiting": str(waiting), "Status": status}
    )


def _to_applicant(row: Row[tuple[ServiceApplication]], mail: Mail, values: dict[str, str]) -> Letter:
    language = Language(row.language)
    return Letter(
        mail=mail,
        recipient=row.company["mail_address"],
        language=language,
        values=_application(row, language) | values,
    )


def _to_tenant(
    row: Row[tuple[ServiceApplication]],
    mail: Mail,
    language: str,
    addresses: list[str],
    values: dict[str, str] | None = None,
) -> list[Letter]:
    values = _application(row, Language(language)) | (values or {})
    return [Letter(mail=mail, recipient=address, language=language, values=values) for address in addresses]


def _application(row: Row[tuple[ServiceApplication]], language: Language) -> dict[str, str]:
    return {
        "ApplicationNumber": row.application_number,
        "CompanyName": row.company_name,
        "ApplicantName": person_name(row.company["last_name"], row.company["first_name"], language),
    }
