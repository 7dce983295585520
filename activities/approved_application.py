"""What an approval makes: the customer company and its portal users, exactly once (APP-13)."""

from datetime import datetime

from sqlalchemy import Row, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.identifiers import Draw
from models.tables.applications import ServiceApplication
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.vocabulary import AccountState, CustomerStatus, SignupState


async def create_customer(
    connection: AsyncConnection, application: Row[tuple[ServiceApplication]], at: datetime
) -> tuple[str, tuple[str, ...]]:
    """Insert both. Returns the customer's id and the users' ids, in the order of the application.

    Raises:
        IntegrityError: a drawn id is taken, or the application has a customer; the next try draws others.
    """
    customer_id = Draw().customer_id()
    await connection.execute(
        insert(Customer).values(
            tenant_id=application.tenant_id,
            customer_id=customer_id,
            status=CustomerStatus.DRAFT,
            account_state=AccountState.FREE,
            application_number=application.application_number,
            extra=application.extra,
            memo1=application.memo1,
            memo2=application.memo2,
            memo3=application.memo3,
            created_at=at,
            **application.company,
        )
    )
    await connection.execute(
        update(ServiceApplication)
        .where(
            ServiceApplication.tenant_id == application.tenant_id,
            ServiceApplication.application_number == application.application_number,
        )
        .values(customer_id=customer_id)
    )
    users = [
        {
            "tenant_id": application.tenant_id,
            "user_id": Draw().user_id(),
            "customer_id": customer_id,
            "signup_state": SignupState.OPEN,
            "created_at": at,
            **user,
        }
        for user in application.portal_users
    ]
    await connection.execute(insert(PortalUser), users)
    return customer_id, tuple(str(user["user_id"]) for user in users)
