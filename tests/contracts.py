"""What tests of contracts share: a product in the catalogue, a customer, and a contract for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from httpx2 import AsyncClient

from models.rules.periods import day_of, morning_of
from tests.world import TENANT, World

ZONE = "Asia/Tokyo"
_MIDDLE = 15
MONTHLY = {
    "name": "月額",
    "description": "監視",
    "type": "recurring",
    "model": "per_unit",
    "price": 3000,
    "billing_period": "month",
}
COMPANY = {
    "company_name": "みなと商事",
    "last_name": "山田",
    "first_name": "太郎",
    "mail_address": "taro@minato.example",
    "postal_code": "105-0011",
    "prefecture": "東京都",
    "address": "港区芝公園4-2-8",
    "phone_number": "0312345678",
}
DESTINATION = {name: value for name, value in COMPANY.items() if name != "mail_address"}


@dataclass
class Office:
    """Staff of the tenant at work on one customer's contracts."""

    api: AsyncClient
    world: World
    headers: dict[str, str]
    product_id: str = ""
    rate_plan_id: str = ""
    customer_id: str = ""
    keys: int = field(default=0)

    @property
    def url(self) -> str:
        return f"/v1/tenants/{TENANT}/customers/{self.customer_id}/contracts"

    async def today(self) -> date:
        return day_of(await self.world.clock.now(), ZONE)

    async def in_days(self, days: int) -> str:
        return (await self.today() + timedelta(days=days)).isoformat()

    async def body(self, **fields: Any) -> dict[str, Any]:
        return {
            "start_date": await self.in_days(0),
            "initial_term": {"value": 1, "unit": "year"},
            "renewal_term": {"value": 1, "unit": "month"},
            "product_id": self.product_id,
            "rate_plans": [{"rate_plan_id": self.rate_plan_id, "quantity": 2}],
            **fields,
        }

    async def apply(self, **fields: Any) -> dict[str, Any]:
        answer = await self.api.post(self.url, json=await self.body(**fields), headers=self.headers)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def read(self, number: str) -> dict[str, Any]:
        answer = await self.api.get(f"{self.url}/{number}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def post(self, number: str, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = await self.api.post(f"{self.url}/{number}/{what}", json=body, headers=self.headers)
        return answer.status_code, answer.json()

    async def cancel(self, number: str, day: str, **more: Any) -> dict[str, Any]:
        status, answer = await self.post(number, "cancel", **{"cancellation_date": day, "charge_fee": False, **more})
        assert status == 200, answer
        return answer

    async def customer_status(self) -> str:
        answer = await self.api.get(f"/v1/tenants/{TENANT}/customers/{self.customer_id}", headers=self.headers)
        return str(answer.json()["status"])


async def early_in_a_month(world: World) -> None:
    """The first business day after a cancellation is in its month, so that the kit of that day can still be undone."""
    today = day_of(await world.clock.now(), ZONE)
    if today.day > _MIDDLE:
        next_month = today.replace(day=28) + timedelta(days=4)
        await world.advance_to(morning_of(next_month.replace(day=8), ZONE))


async def open_office(
    api: AsyncClient,
    world: World,
    staff: dict[str, str],
    operator: dict[str, str],
    *,
    includes_utm: bool = True,
    charges: Sequence[dict[str, Any]] = (MONTHLY,),
) -> Office:
    product = {
        "name": "まもるUTM",
        "description": "UTMの監視",
        "includes_utm": includes_utm,
        "rate_plans": [{"name": "標準", "charges": [*charges]}],
    }
    made = (await api.post("/v1/products", json=product, headers=operator)).json()
    customer = await api.post(f"/v1/tenants/{TENANT}/customers", json=COMPANY, headers=staff)
    return Office(
        api=api,
        world=world,
        headers=staff,
        product_id=made["product_id"],
        rate_plan_id=made["rate_plans"][0]["rate_plan_id"],
        customer_id=customer.json()["customer_id"],
    )
