"""What a customer's UTMs stand on in tests, written straight to the database: contracts, applications, portal users."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from models.identifiers import Draw, digest, secret_token
from models.tables.applications import ServiceApplication
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.people import Session
from tests.accounts import make_person, make_portal_user
from tests.world import TENANT, World

UTM: dict[str, Any] = {
    "utm_id": "a1a1b2b2c3c3",
    "name": "本社1階",
    "serial_number": "SN0123456789012",
    "postal_code": "1050001",
    "address": "東京都港区虎ノ門1-2-3",
    "delivery_status": "発送準備中",
    "customer_addresses": ["alert@minato.example"],
    "service_desk_addresses": ["desk@partner.example"],
    "report_addresses": [],
}


async def contract(world: World, customer_id: str, *, tenant_id: str = TENANT, **values: Any) -> str:
    """A contract of one UTM, in force since yesterday unless said otherwise."""
    now = await world.clock.now()
    number = Draw().contract_number()
    row = {
        "tenant_id": tenant_id,
        "contract_number": number,
        "customer_id": customer_id,
        "status": "active",
        "product_id": "P-00000012",
        "product_name": "UTM",
        "includes_utm": True,
        "utm_quantity": 1,
        "start_date": now.date() - timedelta(days=1),
        "initial_term_value": 1,
        "initial_term_unit": "year",
        "renewal_term_value": 1,
        "renewal_term_unit": "year",
        "term_end_date": now.date() + timedelta(days=364),
        "done_until": now,
        "applied_at": now,
        "applied_by": "staff",
        "command_id": number,
    }
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(insert(Contract).values(row | values))
    return number


async def portal_user(world: World, customer_id: str) -> dict[str, str]:
    """Headers of a signed-in portal user of the customer."""
    now, token, address = await world.clock.now(), secret_token(), f"{Draw().opaque_id()}@minato.example"
    person_id = await make_person(world, address)
    await make_portal_user(world, person_id, customer_id, address=address)
    async with world.database.transaction() as connection:
        session = {"token_digest": digest(token), "person_id": person_id, "created_at": now}
        await connection.execute(insert(Session).values(**session, expires_at=now + timedelta(days=3650)))
    return {"Authorization": f"Bearer {token}"}


async def applied(
    world: World, customer_id: str, destinations: list[dict[str, Any]], *, state: str = "approved"
) -> None:
    """The customer comes of an application with these destinations."""
    now = await world.clock.now()
    number = Draw().application_number()
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            insert(ServiceApplication).values(
                tenant_id=TENANT,
                application_number=number,
                state=state,
                language="ja",
                company_name="みなと商事",
                company={},
                utm_destinations=destinations,
                portal_users=[],
                extra={},
                submitted_at=now,
                confirm_by=now,
            )
        )
        await connection.execute(
            update(Customer).where(Customer.customer_id == customer_id).values(application_number=number)
        )
