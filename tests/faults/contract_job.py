"""A contract's cancellation as its people live it: cancelled, ended, its kit sent, its device kept, all undone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from tests.contracts import COMPANY, MONTHLY
from tests.faults.client import Json, Operation
from tests.faults.clocks import WAITING, Clocks
from tests.faults.gathering import Connection
from tests.faults.job import Job, Step
from tests.faults.site import Site, open_tenant
from tests.world import eventually

STEPS = ("apply", "cancel", "send", "undo")
SETTINGS = {
    "TETSUZUKI_DURATIONS__RETURN_KIT_PATIENCE": "PT0S",
    "TETSUZUKI_DURATIONS__RETURN_KIT_REMINDERS": "[]",
}
"""A device that is not back on the day its kit was sent counts as kept."""
_KIT: LiteralString = "SELECT state, shipment_id FROM return_kits WHERE tenant_id = %s"
_KIT_MAILS: LiteralString = "SELECT template, state FROM mails WHERE tenant_id = %s AND template LIKE 'return_kit_%%'"
_MOVE: LiteralString = "UPDATE tenants SET time_zone = %s WHERE tenant_id = %s"
_PATIENCE = 120  # seconds


class Yard:
    """What all contracts of a lane have in common: the product in the catalogue, and the clocks."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.product_id = ""
        self.rate_plan_id = ""
        self._tenants = 0

    async def prepare(self, site: Site) -> None:
        plan = {"name": "標準", "charges": [MONTHLY]}
        body = {"name": "まもるUTM", "description": "", "includes_utm": True, "rate_plans": [plan]}
        made = await site.client.post("the catalogue", "offer", "/v1/products", body, headers=site.operator)
        site.client.operations.remove(made)
        self.product_id = made.answer["product_id"]
        self.rate_plan_id = made.answer["rate_plans"][0]["rate_plan_id"]

    def next_tenant(self) -> str:
        self._tenants += 1
        return f"T{8_100_000 + self._tenants}"


class ContractJob(Job):
    """One contract with one device, in a tenant and a place of its own.

    `ends_in`: seconds from the cancellation until midnight there; two seconds later it is nine in the morning.
    """

    def __init__(self, site: Site, name: str, yard: Yard, *, ends_in: float) -> None:
        super().__init__(site, name, steps=STEPS)
        self.tenant_id = yard.next_tenant()
        self.staff = f"{name}-staff@partner.example"
        self.contact = f"{name}-contact@customer.example"
        self.number: str | None = None
        self.applied: Json = {}
        self._yard = yard
        self.ends_in = ends_in
        self._customers = f"/v1/tenants/{self.tenant_id}/customers"
        self._customer_id = ""
        self._is_registered = False
        self._midnight = datetime.max.replace(tzinfo=UTC)

    @property
    def addresses(self) -> dict[str, str]:
        return {"staff": self.staff, "contact": self.contact}

    @property
    def utm_id(self) -> str:
        return f"{int(self.tenant_id[1:]):012x}"

    def acts(self) -> dict[str, Step]:
        return {
            "apply": self._apply,
            "cancel": self._cancel,
            "send": self._send,
            "undo": lambda: self._post("undo", f"{self._contract}/undo-cancellation", {}),
        }

    def needs(self) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "apply": self._open,
            "cancel": self._register,
            "send": lambda: self._kit_is("requested"),
            "undo": self._kept_and_told,
        }

    @property
    def _contract(self) -> str:
        return f"{self._customers}/{self._customer_id}/contracts/{self.number}"

    async def _open(self) -> None:
        """The tenant, in a place where it is noon, and its customer."""
        if self._customer_id:
            return
        await open_tenant(self._site, self.tenant_id, notified=self.staff, country=self._yard.clocks.country)
        await self._move_to(WAITING)
        made = await self._prepared("open", self._customers, {**COMPANY, "mail_address": self.contact})
        self._customer_id = made["customer_id"]

    async def _apply(self) -> Operation:
        body = {
            "start_date": self._yard.clocks.today.isoformat(),
            "initial_term": {"value": 1, "unit": "year"},
            "renewal_term": {"value": 1, "unit": "month"},
            "product_id": self._yard.product_id,
            "rate_plans": [{"rate_plan_id": self._yard.rate_plan_id, "quantity": 1}],
        }
        operation = await self._post("apply", f"{self._customers}/{self._customer_id}/contracts", body)
        self.number, self.applied = operation.answer.get("contract_number"), operation.answer
        return operation

    async def _register(self) -> None:
        """The device, once the mail of the application is out of the way."""
        if self._is_registered:
            return
        await self._site.sink.wait_for(self.staff)
        body = {
            "utm_id": self.utm_id,
            "name": "本社",
            "serial_number": f"SN-{self.utm_id}",
            "postal_code": "105-0011",
            "address": "東京都港区芝公園4-2-8",
            "delivery_status": "納品済み",
            "contract_number": self.number,
        }
        await self._prepared("register", f"{self._customers}/{self._customer_id}/utms", body)
        self._is_registered = True

    async def _cancel(self) -> Operation:
        """For today, in the place where today is about to end."""
        place = f"Place/{self.name}"
        self._midnight = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=self.ends_in)
        self._yard.clocks.forward(place, self._midnight, self._midnight + timedelta(seconds=2))
        await self._move_to(place)
        body = {"cancellation_date": self._yard.clocks.today.isoformat(), "charge_fee": True}
        return await self._post("cancel", f"{self._contract}/cancel", body)

    async def _send(self) -> Operation:
        """The carrier reports late: it took the kit before midnight, so that the device is overdue already."""
        shipment_id = (await self._rows(_KIT))[0]["shipment_id"]
        body = {
            "event_id": "1",
            "state": "shipped",
            "carrier": "さくら運輸",
            "waybill_number": "4907",
            "occurred_at": (self._midnight - timedelta(seconds=1)).isoformat(),
        }
        path = f"/v1/carrier/shipments/{shipment_id}/events"
        return await self._client.post(self.name, "send", path, body, headers=self._site.operator)

    async def _kept_and_told(self) -> None:
        """The undo recalls what nobody has been told of yet by leaving it unsent: that is not what is tested here."""
        await self._kit_is("unreturned")

        async def told() -> bool:
            return all(mail["state"] == "sent" for mail in await self._rows(_KIT_MAILS))

        await self._comes(told)

    async def _post(self, act: str, path: str, body: Json) -> Operation:
        return await self._client.post(self.name, act, path, body)

    async def _prepared(self, act: str, path: str, body: Json) -> Json:
        """What no procedure does, and nothing is killed in."""
        operation = await self._post(act, path, body)
        self._client.operations.remove(operation)
        return operation.answer

    async def _kit_is(self, state: str) -> None:
        async def it_is() -> bool:
            return [kit["state"] for kit in await self._rows(_KIT)] == [state]

        await self._comes(it_is)

    async def _comes(self, condition: Callable[[], Awaitable[bool]]) -> None:
        try:
            await eventually(condition, patience=_PATIENCE)
        except TimeoutError:
            kits, mails = await self._rows(_KIT), await self._rows(_KIT_MAILS)
            message = f"kits {kits}, their mails {mails}"
            raise TimeoutError(message) from None

    async def _rows(self, query: LiteralString, *values: str) -> list[dict[str, Any]]:
        """Once the database is there. `query` ends with the tenant's id."""
        found: list[dict[str, Any]] = []

        async def asked() -> bool:
            try:
                async with self._tenants_own() as connection:
                    answer = await connection.execute(query, (*values, self.tenant_id))
                    found[:] = await answer.fetchall() if answer.description else []
            except psycopg.OperationalError:
                return False
            return True

        await eventually(asked, patience=_PATIENCE)
        return found

    async def _move_to(self, place: str) -> None:
        await self._rows(_MOVE, place)

    @asynccontextmanager
    async def _tenants_own(self) -> AsyncIterator[Connection]:
        async with await psycopg.AsyncConnection.connect(self._site.database_url, row_factory=dict_row) as connection:
            await connection.execute("SELECT set_config('app.tenant', %s, true)", (self.tenant_id,))
            yield connection
