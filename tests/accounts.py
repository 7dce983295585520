"""People with passwords, for tests of signing in."""

from typing import Any

from argon2 import PasswordHasher
from httpx2 import AsyncClient, Response
from sqlalchemy import insert

from models.identifiers import Draw
from models.tables.customers import Customer
from models.tables.people import Person, PortalUser, StaffMember
from models.vocabulary import SignupState
from tests.world import TENANT, World

ADDRESS = "hanako@partner.example"
PASSWORD = "Kumo7-yane.Tako"
WRONG = "Kumo7-yane.Taco"


async def make_person(world: World, address: str = ADDRESS, password: str = PASSWORD) -> str:
    """Somebody with an account, who belongs nowhere yet. Returns the person's id."""
    person_id = Draw().opaque_id()
    # Hashed as the product does, so that a sign-in takes as long.
    hashed = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(password)
    row = {"person_id": person_id, "mail_address": address, "password_hash": hashed}
    async with world.database.transaction() as connection:
        await connection.execute(insert(Person).values(created_at=await world.clock.now(), **row))
    return person_id


async def make_staff(world: World, person_id: str, tenant_id: str = TENANT, address: str = ADDRESS) -> None:
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(
            insert(StaffMember).values(
                tenant_id=tenant_id,
                person_id=person_id,
                mail_address=address,
                user_name="山田　花子",
                signup_state=SignupState.REGISTERED,
                created_at=await world.clock.now(),
            )
        )


async def make_customer(world: World, tenant_id: str = TENANT, **columns: Any) -> str:
    """Returns the customer's id."""
    row: dict[str, Any] = {
        "customer_id": Draw().customer_id(),
        "company_name": "みなと商事",
        "last_name": "山田",
        "first_name": "太郎",
        "mail_address": "taro@minato.example",
        "postal_code": "105-0011",
        "prefecture": "東京都",
        "address": "港区芝公園4-2-8",
        "phone_number": "0312345678",
        "status": "draft",
        "account_state": "free",
        **columns,
    }
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(
            insert(Customer).values(tenant_id=tenant_id, created_at=await world.clock.now(), **row)
        )
    return str(row["customer_id"])


async def make_portal_user(
    world: World,
    person_id: str,
    customer_id: str,
    *,
    tenant_id: str = TENANT,
    address: str = ADDRESS,
    mobile_number: str | None = None,
) -> str:
    """Returns the user's id."""
    user_id = Draw().user_id()
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(
            insert(PortalUser).values(
                tenant_id=tenant_id,
                user_id=user_id,
                customer_id=customer_id,
                person_id=person_id,
                last_name="山田",
                first_name="花子",
                mail_address=address,
                mobile_number=mobile_number,
                signup_state=SignupState.REGISTERED,
                created_at=await world.clock.now(),
            )
        )
    return user_id


async def sign_in(api: AsyncClient, password: str = PASSWORD, address: str = ADDRESS) -> Response:
    return await api.post("/v1/sessions", json={"mail_address": address, "password": password})


async def signed_in(api: AsyncClient, password: str = PASSWORD, address: str = ADDRESS) -> dict[str, str]:
    """The headers of a fresh session."""
    answer = await sign_in(api, password, address)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}
