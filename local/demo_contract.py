"""The demo's second half: a product, a contract with a UTM, and what becomes of a cancellation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local.demo_cast import Cast, DemoFailedError

Step = Callable[..., Awaitable[None]]
_PRODUCT = {
    "name": "まもるUTM スタンダード",
    "description": "UTMの貸与と監視",
    "includes_utm": True,
    "rate_plans": [
        {
            "name": "月額プラン",
            "charges": [
                {
                    "name": "月額利用料",
                    "type": "recurring",
                    "model": "per_unit",
                    "price": 9800,
                    "billing_period": "month",
                },
                {
                    "name": "初月無料",
                    "type": "recurring",
                    "model": "discount_percentage",
                    "percent": 100,
                    "billing_period": "month",
                },
            ],
        }
    ],
}
_UTM = {"utm_id": "a1a1b2b2c3c3", "name": "本社", "serial_number": "SN-2026-00000001", "delivery_status": "設置済み"}


@dataclass(frozen=True)
class ContractStory:
    """`contact`: the customer's address; `desk`: the notification address. `note` and `step` speak to the terminal."""

    cast: Cast
    step: Step
    note: Callable[[str], None]
    tenant: str
    customer: str
    staff: str
    contact: str
    desk: str

    async def tell(self, destination: dict[str, Any]) -> None:
        plan = await self._offer_product()
        number, start = await self._apply(plan, destination)
        await self._ship(number, start)
        await self._register_utm(number, destination)
        await self._cancel(number, start)

    @property
    def _customer(self) -> str:
        return f"/v1/tenants/{self.tenant}/customers/{self.customer}"

    async def _offer_product(self) -> dict[str, Any]:
        product = await self.cast.call("POST", "/v1/products", _PRODUCT, key=self.cast.addresses.operator_key)
        listed = await self.cast.call("GET", "/v1/products", key=self.staff)
        await self.step(f"The catalogue has {listed['total']} product: {product['product_id']}, {product['name']}.")
        return {"product_id": product["product_id"], "rate_plan_id": product["rate_plans"][0]["rate_plan_id"]}

    async def _apply(self, plan: dict[str, Any], destination: dict[str, Any]) -> tuple[str, date]:
        customer = await self.cast.call("GET", self._customer, key=self.staff)
        start = _in_japan(customer["created_at"]).date()
        application = {
            "start_date": start.isoformat(),
            "initial_term": {"value": 1, "unit": "year"},
            "renewal_term": {"value": 1, "unit": "year"},
            "product_id": plan["product_id"],
            "rate_plans": [{"rate_plan_id": plan["rate_plan_id"], "quantity": 3}],
            "shipping_required": True,
            "destination": {name: value for name, value in destination.items() if name != "quantity"},
        }
        contract = await self.cast.call("POST", f"{self._customer}/contracts", application, key=self.staff)
        number: str = contract["contract_number"]
        mail = await self.cast.mail(self.desk, number)
        await self.step(
            f"Contract {number}: three UTMs for a year, to {contract['term_end_date']}, then renewed by itself.",
            ("mail", self.cast.mail_page(mail)),
            ("Temporal Web UI", self.cast.web_ui(f"contract-{self.tenant}-{number}")),
        )
        return number, start

    async def _ship(self, number: str, start: date) -> None:
        """Nobody carries anything in a demo: the operator reports what a carrier would."""
        operator = self.cast.addresses.operator_key
        parcel = await self.cast.once_there(f"{self._customer}/contracts/{number}/shipment", key=self.staff)
        arrival = (start + timedelta(days=3)).isoformat()
        scheduled = {"event_id": "1", "state": "scheduled", "planned_arrival_date": arrival}
        shipped = {"event_id": "2", "state": "shipped", "carrier": "さくら運輸", "waybill_number": "4907-1234-5678"}
        for event, words in ((scheduled, number), (shipped, "4907-1234-5678")):
            path = f"/v1/carrier/shipments/{parcel['shipment_id']}/events"
            reported = await self.cast.call("POST", path, event, key=operator)
            mail = await self.cast.mail(self.contact, words)
            await self.step(
                f"The carrier says {reported['state']}: {self.contact} is told.", ("mail", self.cast.mail_page(mail))
            )

    async def _register_utm(self, number: str, destination: dict[str, Any]) -> None:
        place = {
            "postal_code": destination["postal_code"],
            "address": destination["prefecture"] + destination["address"],
        }
        utm = await self.cast.call("POST", f"{self._customer}/utms", {**_UTM, **place}, key=self.staff)
        if utm["contract_number"] != number:
            raise DemoFailedError(f"UTM {utm['utm_id']} is not the contract's.")
        await self.step(f"UTM {utm['utm_id']} is registered for it, and its token shown this once.")

    async def _cancel(self, number: str, start: date) -> None:
        path = f"{self._customer}/contracts/{number}"
        last_day = start + timedelta(days=100)
        wish = {"cancellation_date": last_day.isoformat(), "charge_fee": True}
        foreseen = await self.cast.call("POST", f"{path}/cancel?lang=en", {**wish, "dry_run": True}, key=self.staff)
        await self.step(
            f"What if it were cancelled for {last_day}? A dry run changes nothing, and says what would happen:"
        )
        for one in foreseen["consequences"]:
            self.note(f"    {_in_japan(one['at']):%Y-%m-%d %H:%M}  {one['text']}")
        cancelled = await self.cast.call("POST", f"{path}/cancel", wish, key=self.staff)
        if cancelled["fee"] != foreseen["fee"]:
            raise DemoFailedError("The fee is not the one that the dry run said.")
        mail = await self.cast.mail(self.desk, number, count=2)
        await self.step(
            f"Cancelled for {cancelled['cancellation_date']}, with a fee of {cancelled['fee']:,} yen; "
            f"it can be undone until {_in_japan(cancelled['undo_deadline']):%Y-%m-%d %H:%M}.",
            ("mail", self.cast.mail_page(mail)),
        )
        undone = await self.cast.call("POST", f"{path}/undo-cancellation", {}, key=self.staff)
        mail = await self.cast.mail(self.desk, number, count=3)
        await self.step(
            f"They stay after all: the cancellation is undone, the contract {undone['status']}, the fee reversed.",
            ("mail", self.cast.mail_page(mail)),
        )


def _in_japan(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo("Asia/Tokyo"))
