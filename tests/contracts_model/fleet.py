"""The real product's side: a fleet of contracts made and asked by its API, and read from its tables at the end."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
from sqlalchemy import Row, select

from models.database import Database
from models.identifiers import Draw
from models.tables.contracts import AccountCharge, Contract
from models.tables.procedures import Mail
from models.tables.shipments import ReturnKit
from tests.contracts_model.script import Birth, Wish
from tests.faults.site import TENANT, Site

ZONE = ZoneInfo("Asia/Tokyo")
AT_ONCE = 6
"""Commands under way at the same time."""
_NOT_FINAL = {httpx2.codes.ACCEPTED, httpx2.codes.SERVICE_UNAVAILABLE}
_PRICES = {"monthly_utm": (3_000, "month"), "yearly_utm": (30_000, "year"), "monthly": (1_200, "month")}
_COMPANY = {
    "last_name": "山田",
    "first_name": "太郎",
    "mail_address": "taro@minato.example",
    "postal_code": "105-0011",
    "prefecture": "東京都",
    "address": "港区芝公園4-2-8",
    "phone_number": "0312345678",
}


def price_of(kind: str) -> int | None:
    """Yen a month for one; None for what is billed by the year."""
    price, period = _PRICES[kind]
    return price if period == "month" else None


@dataclass(frozen=True)
class Made:
    """A contract of the product's."""

    customer_id: str
    number: str


@dataclass(frozen=True)
class Facts:
    """What the product's tables say of one contract, in the words of the paper calendar."""

    terms: tuple[str, date | None, bool, int, date]
    """Status, cancellation date, whether it has ended, the term's number and last day."""
    mails: tuple[tuple[date, str], ...]
    kits: tuple[tuple[str, date, str], ...]
    fees: tuple[tuple[date, int, bool], ...]


@dataclass
class Fleet:
    site: Site
    api: httpx2.AsyncClient
    database: Database
    products: dict[str, tuple[str, str]] = field(default_factory=dict)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def prepare(self) -> None:
        for kind, (price, period) in _PRICES.items():
            charge = {"name": "利用料", "description": "", "type": "recurring", "model": "per_unit"}
            body = {
                "name": kind,
                "description": "",
                "includes_utm": kind.endswith("utm"),
                "rate_plans": [{"name": kind, "charges": [{**charge, "price": price, "billing_period": period}]}],
            }
            made = await self._post("/v1/products", body, self.site.operator)
            self.products[kind] = made["product_id"], made["rate_plans"][0]["rate_plan_id"]

    async def now(self) -> datetime:
        """In the tenant's own time, without a zone."""
        answer = await self.api.get("/v1/rehearsal/clock", headers=self.site.operator)
        return datetime.fromisoformat(answer.json()["now"]).astimezone(ZONE).replace(tzinfo=None)

    async def advance(self, to: datetime) -> list[str]:
        """Jump. Returns the procedures that did not do what was due."""
        body = {"to": to.replace(tzinfo=ZONE).isoformat()}
        unfinished: list[str] = (await self._post("/v1/rehearsal/advance", body, self.site.operator))["unfinished"]
        return unfinished

    async def apply(self, birth: Birth) -> Made:
        async with self.gate:
            customers = f"/v1/tenants/{TENANT}/customers"
            company = {**_COMPANY, "company_name": f"会社{Draw().opaque_id()[:8]}"}
            customer_id = (await self._post(customers, company))["customer_id"]
            product_id, rate_plan_id = self.products[birth.kind]
            body = {
                "start_date": birth.start.isoformat(),
                "initial_term": {"value": birth.initial, "unit": "month"},
                "renewal_term": {"value": birth.renewal, "unit": "month"},
                "product_id": product_id,
                "rate_plans": [{"rate_plan_id": rate_plan_id, "quantity": birth.quantity}],
            }
            contract = await self._post(f"{customers}/{customer_id}/contracts", body)
            return Made(customer_id, contract["contract_number"])

    async def register_utm(self, made: Made, utm_id: str) -> None:
        async with self.gate:
            body = {
                "utm_id": utm_id,
                "name": "本社",
                "serial_number": f"SN-{utm_id}",
                "postal_code": "105-0011",
                "address": "東京都港区芝公園4-2-8",
                "delivery_status": "納品済み",
                "contract_number": made.number,
            }
            await self._post(f"/v1/tenants/{TENANT}/customers/{made.customer_id}/utms", body)

    async def ask(self, made: Made, wish: Wish) -> str | None:
        """None when it is done, or the code of the refusal."""
        url = f"/v1/tenants/{TENANT}/customers/{made.customer_id}/contracts/{made.number}/{wish.act}"
        body: dict[str, Any] = {}
        if wish.day is not None:
            body["cancellation_date"] = wish.day.isoformat()
        if wish.act == "cancel":
            body["charge_fee"] = wish.with_fee
        key = {"Idempotency-Key": Draw().opaque_id()}
        async with self.gate:
            answers = [await self._sent(url, body, self.site.staff | key) for _ in range(1 + wish.repeats)]
        codes: set[str | None] = {answer.json().get("code") for answer in answers}
        assert len(codes) == 1, f"one wish, two answers: {[answer.text for answer in answers]}"
        return codes.pop()

    async def kit_is_sent(self, shipment_id: str, at: datetime) -> None:
        """The carrier reports that the kit is on its way."""
        report = {"event_id": Draw().opaque_id(), "state": "shipped", "carrier": "さくら運輸", "waybill_number": "1"}
        occurred = {"occurred_at": at.replace(tzinfo=ZONE).isoformat()}
        async with self.gate:
            await self._post(f"/v1/carrier/shipments/{shipment_id}/events", report | occurred, self.site.operator)

    async def requested_kits(self) -> dict[tuple[str, str, date], str]:
        """Kits that wait for the carrier: their latest sending, by contract, UTM and last day of service."""
        query = select(ReturnKit.__table__).where(ReturnKit.tenant_id == TENANT, ReturnKit.state == "requested")
        async with self.database.transaction(TENANT) as connection:
            rows = (await connection.execute(query)).all()
        return {(row.contract_number, row.utm_id, row.ended_on): row.shipment_id for row in rows}

    async def facts(self) -> dict[str, Facts]:
        """Of every contract, by its number."""
        async with self.database.transaction(TENANT) as connection:
            contracts, mails, kits, charges = [
                (await connection.execute(select(table.__table__).where(table.tenant_id == TENANT))).all()
                for table in (Contract, Mail, ReturnKit, AccountCharge)
            ]
        return {
            row.contract_number: Facts(
                terms=(
                    row.status,
                    row.cancellation_date,
                    row.ended_at is not None,
                    row.term_number,
                    row.term_end_date,
                ),
                mails=_mails(row.contract_number, mails),
                kits=tuple(
                    sorted(
                        (kit.utm_id, kit.ended_on, kit.state)
                        for kit in kits
                        if kit.contract_number == row.contract_number
                    )
                ),
                fees=_fees(row.contract_number, charges),
            )
            for row in contracts
        }

    async def _post(self, url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        key = {"Idempotency-Key": Draw().opaque_id()}
        answer = await self._sent(url, body, (headers or self.site.staff) | key)
        assert answer.is_success, f"{url}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    async def _sent(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
        """The final answer: what a busy machine has not done yet, or not taken, is asked for again with its key."""
        while True:
            answer = await self.api.post(url, json=body, headers=headers)
            if answer.status_code not in _NOT_FINAL:
                return answer
            await asyncio.sleep(1)


def _mails(number: str, mails: Sequence[Row[Any]]) -> tuple[tuple[date, str], ...]:
    """One entry for each mail, whoever got it."""
    mine = {
        (mail.queued_at.astimezone(ZONE).date(), mail.template, mail.procedure_id, mail.step)
        for mail in mails
        if f"-{number}-" in f"{mail.procedure_id}-".replace(f"contract-{TENANT}-", "-")
        or mail.procedure_id == f"contract-{TENANT}-{number}"
    }
    return tuple(sorted((day, template) for day, template, _, _ in mine))


def _fees(number: str, charges: Iterable[Row[Any]]) -> tuple[tuple[date, int, bool], ...]:
    return tuple(
        sorted(
            (charge.charged_at.astimezone(ZONE).date(), charge.amount, charge.reversed_at is not None)
            for charge in charges
            if charge.contract_number == number and charge.kind == "cancellation_fee"
        )
    )
