"""What tests of UTM additions share: a company with somebody signed in, and what they ask for."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from httpx2 import AsyncClient, Response
from sqlalchemy import insert

from models.identifiers import digest, secret_token
from models.tables.people import Session
from tests.accounts import ADDRESS, make_customer, make_person, make_portal_user
from tests.world import TENANT, World

APPLICANT = ADDRESS
CONTACT = "taro@minato.example"
URL = f"/v1/tenants/{TENANT}/utm-additions"
DESTINATION: dict[str, Any] = {
    "company_name": "みなと商事 横浜支店",
    "last_name": "佐藤",
    "first_name": "三郎",
    "postal_code": "220-0012",
    "prefecture": "神奈川県",
    "address": "横浜市西区みなとみらい2-3-4",
    "phone_number": "0451234567",
    "quantity": 3,
}


@dataclass
class Company:
    """A customer of the tenant, and its portal user `APPLICANT` signed in."""

    api: AsyncClient
    customer_id: str
    user_id: str
    headers: dict[str, str]

    @property
    def url(self) -> str:
        return f"/v1/customers/{self.customer_id}/utm-additions"

    async def ask(self, key: str | None = None, /, **fields: Any) -> Response:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return await self.api.post(self.url, json={**DESTINATION, **fields}, headers=headers)

    async def asked(self, **fields: Any) -> str:
        """Returns the application's number."""
        answer = await self.ask(**fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["application_number"])


async def make_company(api: AsyncClient, world: World, **columns: Any) -> Company:
    customer_id = await make_customer(world, **columns)
    person_id = await make_person(world)
    user_id = await make_portal_user(world, person_id, customer_id)
    now, token = await world.clock.now(), secret_token()
    session = {"token_digest": digest(token), "person_id": person_id, "created_at": now}
    async with world.database.transaction() as connection:
        await connection.execute(insert(Session).values(**session, expires_at=now + timedelta(days=3650)))
    return Company(api, customer_id, user_id, {"Authorization": f"Bearer {token}"})


def procedure_id(number: str) -> str:
    return f"utm-addition-{TENANT}-{number}"
