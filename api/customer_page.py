"""What a customer's page gathers besides the company itself (CUS-06)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from activities.records import tenant_row
from api.contract_page import ContractListed
from api.contract_page import listed as listed_contract
from api.utm_additions import OwnAddition
from api.utm_answers import Utm, today_of
from api.utm_answers import listed as listed_utm
from models.durations import Durations
from models.offered_addresses import offered_addresses
from models.tables.applications import ServiceApplication, UtmAddition
from models.tables.contracts import Contract
from models.tables.people import PortalUser
from models.tables.procedures import Procedure
from models.tables.utms import Utm as Utms
from models.utm_rows import utms_as_shown
from models.vocabulary import SignupState


class AnsweredApplication(BaseModel):
    """The application that the customer came of, as sent (APP-17)."""

    application_number: str
    state: str
    submitted_at: datetime
    decided_at: datetime | None
    utm_destinations: list[dict[str, Any]]
    memo1: str | None
    memo2: str | None
    memo3: str | None


class CustomersUser(BaseModel):
    user_id: str
    last_name: str
    first_name: str
    mail_address: str
    signup_state: SignupState


class Upcoming(BaseModel):
    at: datetime
    what: str


class OpenProcedure(BaseModel):
    id: str
    kind: str
    subject: str
    state: str
    waiting_for: str | None
    next: list[Upcoming]


class CustomerPage(BaseModel):
    application: AnsweredApplication | None
    utm_additions: list[OwnAddition]
    """What its people asked for since, decided or not (ADD-05)."""
    offered_addresses: list[dict[str, Any]]
    """Those that the applications name, offered when a contract or UTM is registered (ADD-05)."""
    contracts: list[ContractListed]
    utms: list[Utm]
    users: list[CustomersUser]
    open_procedures: list[OpenProcedure]


async def read(connection: AsyncConnection, customer: Row[Any], now: datetime, durations: Durations) -> CustomerPage:
    """Everything of one customer, in a transaction of its tenant."""
    procedures = await connection.execute(
        select(Procedure.procedure_id.label("id"), *_shown_columns())
        .where(Procedure.tenant_id == customer.tenant_id, Procedure.ended_at.is_(None))
        .where(or_(Procedure.customer_id == customer.customer_id, Procedure.subject == customer.application_number))
        .order_by(Procedure.started_at, Procedure.procedure_id)
    )
    whose = customer.tenant_id, customer.customer_id
    today = await today_of(connection, *whose, now, silence=durations.utm_silence)
    zone = (await tenant_row(connection, customer.tenant_id)).time_zone
    return CustomerPage(
        application=await _application(connection, customer),
        utm_additions=[
            OwnAddition.model_validate(row, from_attributes=True)
            for row in await _rows(
                connection, customer, UtmAddition, UtmAddition.submitted_at, UtmAddition.application_number
            )
        ],
        offered_addresses=await offered_addresses(connection, *whose),
        contracts=[
            listed_contract(row, zone)
            for row in await _rows(connection, customer, Contract, Contract.applied_at, Contract.contract_number)
        ],
        utms=[
            listed_utm(row, today)
            for row in await connection.execute(
                utms_as_shown()
                .where(Utms.tenant_id == customer.tenant_id, Utms.customer_id == customer.customer_id)
                .where(Utms.deleted_at.is_(None))
                .order_by(Utms.created_at, Utms.utm_id)
            )
        ],
        users=[
            CustomersUser.model_validate(row, from_attributes=True)
            for row in await _rows(connection, customer, PortalUser, PortalUser.created_at, PortalUser.user_id)
        ],
        open_procedures=[OpenProcedure.model_validate(row, from_attributes=True) for row in procedures],
    )


async def _rows(
    connection: AsyncConnection,
    customer: Row[Any],
    table: type[PortalUser | Contract | Utms | UtmAddition],
    *order: InstrumentedAttribute[Any],
) -> Sequence[Row[Any]]:
    mine = (table.tenant_id == customer.tenant_id, table.customer_id == customer.customer_id)
    return (await connection.execute(select(table.__table__).where(*mine).order_by(*order))).all()


def _shown_columns() -> list[Any]:
    return [Procedure.kind, Procedure.subject, Procedure.state, Procedure.waiting_for, Procedure.next]


async def _application(connection: AsyncConnection, customer: Row[Any]) -> AnsweredApplication | None:
    if customer.application_number is None:
        return None
    found = await connection.execute(
        select(ServiceApplication.__table__).where(
            ServiceApplication.tenant_id == customer.tenant_id,
            ServiceApplication.application_number == customer.application_number,
        )
    )
    return AnsweredApplication.model_validate(found.one(), from_attributes=True)
