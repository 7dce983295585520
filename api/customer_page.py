"""What a customer's page gathers besides the company itself (CUS-06)."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.applications import ServiceApplication
from models.tables.people import PortalUser
from models.tables.procedures import Procedure
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
    users: list[CustomersUser]
    open_procedures: list[OpenProcedure]


async def read(connection: AsyncConnection, customer: Row[Any]) -> CustomerPage:
    """Three lists of one customer, in a transaction of its tenant."""
    users = await connection.execute(
        select(PortalUser.__table__)
        .where(PortalUser.tenant_id == customer.tenant_id, PortalUser.customer_id == customer.customer_id)
        .order_by(PortalUser.created_at, PortalUser.user_id)
    )
    procedures = await connection.execute(
        select(Procedure.procedure_id.label("id"), *_shown_columns())
        .where(Procedure.tenant_id == customer.tenant_id, Procedure.ended_at.is_(None))
        .where(or_(Procedure.customer_id == customer.customer_id, Procedure.subject == customer.application_number))
        .order_by(Procedure.started_at, Procedure.procedure_id)
    )
    return CustomerPage(
        application=await _application(connection, customer),
        users=[CustomersUser.model_validate(row, from_attributes=True) for row in users],
        open_procedures=[OpenProcedure.model_validate(row, from_attributes=True) for row in procedures],
    )


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
