"""The contract's mails to the tenant's notification addresses: in its language, with which values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from mail_templates.wording import contract_goes_on, contract_has_expired, day, nothing, term_length, yen
from models import outbox
from models.contracts import terms_of
from models.messages.procedure import Step
from models.outbox import Letter, Posting
from models.rules.contract_terms import Term, term
from models.vocabulary import ContractStatus, Language, Mail, TermUnit


@dataclass(frozen=True)
class Addressees:
    language: Language
    addresses: Sequence[str]


async def post(
    connection: AsyncConnection,
    message: Step,
    written: Callable[[Addressees], list[Letter]],
    *,
    step: str | None = None,
) -> None:
    """Queue the letters for the tenant's notification addresses, once for the message's step or the one given."""
    tenant_id = message.identity.tenant_id
    tenant = await tenant_row(connection, tenant_id)
    to = Addressees(Language(tenant.language), await outbox.notification_addresses(connection, tenant_id))
    posting = Posting(
        tenant_id=tenant_id, procedure_id=message.identity.procedure_id, step=step or message.step, at=message.at
    )
    await outbox.post(connection, posting, written(to))


def applied(contract: Row[Any], to: Addressees) -> list[Letter]:
    return _letters(
        Mail.CONTRACT_APPLIED,
        contract,
        to,
        {
            "StartDate": day(contract.start_date, to.language),
            "EndDate": day(term(terms_of(contract), 0).last_day, to.language),
            "RenewalTerm": term_length(contract.renewal_term_value, TermUnit(contract.renewal_term_unit), to.language),
        },
    )


def renewal_notice(contract: Row[Any], renewed: Term, to: Addressees) -> list[Letter]:
    """The day before the renewal is the last one on which a cancellation costs no fee (CON-05)."""
    last_free_day = renewed.first_day - timedelta(days=1)
    return _letters(
        Mail.CONTRACT_RENEWAL_NOTICE,
        contract,
        to,
        {
            "RenewalDate": day(renewed.first_day, to.language),
            "LastFreeDay": day(last_free_day, to.language),
            "EndDate": day(renewed.last_day, to.language),
        },
    )


def cancelled(contract: Row[Any], to: Addressees) -> list[Letter]:
    return _letters(Mail.CONTRACT_CANCELLED, contract, to, _cancellation(contract, to.language))


def moved(contract: Row[Any], previous: date, to: Addressees) -> list[Letter]:
    values = {**_cancellation(contract, to.language), "PreviousDate": day(previous, to.language)}
    return _letters(Mail.CANCELLATION_MOVED, contract, to, values)


def undone(contract: Row[Any], undone_on: date, to: Addressees) -> list[Letter]:
    """Undone after its last term it goes on no more (UND-02)."""
    expired = contract.status == ContractStatus.EXPIRED
    last_day = contract.term_end_date
    outcome = contract_has_expired(last_day, to.language) if expired else contract_goes_on(to.language)
    values = {"UndoDate": day(undone_on, to.language), "ContractOutcome": outcome}
    return _letters(Mail.CANCELLATION_UNDONE, contract, to, values)


def _cancellation(contract: Row[Any], language: Language) -> dict[str, str]:
    fee = yen(contract.fee or 0, language) if contract.fee_charged else None
    yes = {Language.JA: f"あり（{fee}）", Language.EN: f"yes ({fee})"}[language]
    no = {Language.JA: "なし", Language.EN: "no"}[language]
    date_ = contract.cancellation_date
    return {
        "CancellationDate": day(date_, language) if date_ else nothing(language),
        "CancellationFee": no if fee is None else yes,
    }


def _letters(mail: Mail, contract: Row[Any], to: Addressees, values: dict[str, str]) -> list[Letter]:
    every = {
        "ProductID": contract.product_id,
        "ProductName": contract.product_name,
        "CustomerID": contract.customer_id,
        "ContractNumber": contract.contract_number,
        **values,
    }
    return [Letter(mail=mail, recipient=address, language=to.language, values=every) for address in to.addresses]
