"""A partner's office in the demo: staff who look after one customer, and sign in anew when the clock has jumped."""

import asyncio
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.demo_cast import Cast, Json
from local.terminal import Link

STAFF, DESK = "sato@minato-msp.example", "desk@minato-msp.example"
APPLICANT, HANAKO, JIRO = "taro@hikari.example", "hanako@hikari.example", "jiro@hikari.example"
PASSWORD = "correct-horse-battery"  # noqa: S105 - of a person who does not exist
COMPANY = {
    "company_name": "ひかり商事",
    "last_name": "山田",
    "first_name": "太郎",
    "department": "情報システム部",
    "mail_address": APPLICANT,
    "postal_code": "105-0011",
    "prefecture": "東京都",
    "address": "港区芝公園4-2-8",
    "phone_number": "0312345678",
}
_TENANT = {"name": "みなとセキュリティ", "staff": {"mail_address": STAFF}}
_REGISTRATION = {
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
    "user_name": "佐藤\u3000一郎",
    "company_name": "みなとセキュリティ",
    "department": "営業部",
    "phone_number": "0311112222",
    "remark": "",
    "step": "register",
}
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
_PATIENCE = 30  # seconds
_LINK = re.compile(r"https?://\S+/(?:links|apply)/\S+")


@dataclass
class Office:
    """`session`: the token of staff who are signed in."""

    cast: Cast
    tenant: str
    session: str
    customer: str = ""

    # People. Each of these can be told of while it happens, or be done in one go.

    @classmethod
    async def found(cls, cast: Cast) -> "tuple[str, Json]":
        """A tenant, and the mail to its first person."""
        tenant = await cast.call("POST", "/v1/tenants", _TENANT, key=cast.addresses.operator_key)
        return tenant["tenant_id"], await cast.mail(STAFF)

    @classmethod
    async def staffed(cls, cast: Cast, tenant: str) -> "tuple[Office, str]":
        """With somebody who has registered by the link, and has signed in."""
        link = link_in(await cast.mail(STAFF))
        await cast.visitor.press(link, _REGISTRATION)
        office = cls(cast, tenant, "")
        await office.sign_in()
        return office, link

    async def sign_in(self, occasion: str = "") -> None:
        person = {"mail_address": STAFF, "password": PASSWORD}
        self.session = (await self.cast.call("POST", "/v1/sessions", person, key="nobody", occasion=occasion))["token"]

    async def confirm_desk(self) -> Json:
        """Have its desk hear of things. Returns the confirmation mail, whose button has been pressed."""
        addresses = [{"mail_address": DESK, "mail_address_confirmation": DESK}]
        await self.ask("PUT", "/notification-addresses", {"addresses": addresses})
        mail = await self.cast.mail(DESK)
        await self.cast.visitor.press(link_in(mail))
        return mail

    async def take_customer(self) -> None:
        """The company that applies in the demo's first act, and one of its people."""
        self.customer = (await self.ask("POST", "/customers", COMPANY))["customer_id"]
        user = {"last_name": "山田", "first_name": "花子", "mail_address": HANAKO}
        await self.of_customer("POST", "/users", user)
        await self.cast.visitor.press(
            link_in(await self.cast.mail(HANAKO)), {"password": PASSWORD, "password_confirmation": PASSWORD}
        )

    # Contracts.

    async def offer_product(self) -> Json:
        """As the operator does."""
        return await self.cast.call("POST", "/v1/products", _PRODUCT, key=self.cast.addresses.operator_key)

    async def products(self) -> Json:
        return await self.cast.call("GET", "/v1/products", key=self.session)

    async def apply(self, product: Json, start: date, *, quantity: int = 1) -> Json:
        """For a contract of three months and then four, whose UTMs are sent to the customer."""
        application = {
            "start_date": start.isoformat(),
            "initial_term": {"value": 3, "unit": "month"},
            "renewal_term": {"value": 4, "unit": "month"},
            "product_id": product["product_id"],
            "rate_plans": [{"rate_plan_id": product["rate_plans"][0]["rate_plan_id"], "quantity": quantity}],
            "shipping_required": True,
            "destination": {name: value for name, value in COMPANY.items() if name != "mail_address"},
        }
        return await self.of_customer("POST", "/contracts", application)

    async def register_utm(self, **particulars: object) -> Json:
        """Where it was sent; it finds its contract."""
        place = {"postal_code": COMPANY["postal_code"], "address": COMPANY["prefecture"] + COMPANY["address"]}
        return await self.of_customer("POST", "/utms", _UTM | place | particulars)

    # Asking.

    async def ask(self, method: str, path: str, body: Json | None = None, *, occasion: str = "") -> Json:
        """Below the tenant, as staff, in English."""
        path = f"/v1/tenants/{self.tenant}{path}"
        return await self.cast.call(method, path, body, key=self.session, occasion=occasion)

    async def of_customer(self, method: str, path: str = "", body: Json | None = None, *, occasion: str = "") -> Json:
        return await self.ask(method, f"/customers/{self.customer}{path}", body, occasion=occasion)

    async def timeline(self, procedure_id: str) -> list[Json]:
        events: list[Json] = (await self.ask("GET", f"/procedures/{procedure_id}?lang=en"))["timeline"]
        return events

    async def mails(self, template: str, *, to: str = DESK) -> list[Json]:
        """Those that were sent, the first one first, as the ledger has them."""
        path = f"/mails?template={template}&to={to}&state=sent&sort=queued_at"
        found: list[Json] = (await self.ask("GET", path))["items"]
        return found

    async def mails_sent(self, template: str, count: int, *, to: str = DESK) -> list[Json]:
        """Once there are so many: a command is answered before its mails have left."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                if len(found := await self.mails(template, to=to)) >= count:
                    return found
                await asyncio.sleep(0.1)

    async def refusal(self, path: str) -> str:
        """The code with which a POST for the customer is refused."""
        path = f"/v1/tenants/{self.tenant}/customers/{self.customer}{path}"
        answer = await self.cast.api.post(path, json={}, headers=self._headers)
        return str(answer.json().get("code", answer.status_code))

    async def download(self, path: str) -> bytes:
        path = f"/v1/tenants/{self.tenant}/customers/{self.customer}{path}"
        return (await self.cast.api.get(path, headers=self._headers)).raise_for_status().content

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session}"}

    async def link_to(self, sent: Json, name: str = "mail") -> Link:
        return (name, self.cast.mail_page(await self.cast.in_inbox(sent)))

    async def once_there(self, path: str) -> Json:
        path = f"/v1/tenants/{self.tenant}/customers/{self.customer}{path}"
        return await self.cast.once_there(path, key=self.session)

    async def jump(self, to: datetime) -> None:
        await self.cast.jump(to)
        await self.sign_in(occasion=to.isoformat())


def link_in(mail: dict[str, Any]) -> str:
    found = _LINK.search(mail["text"])
    if found is None:
        raise ValueError(mail["subject"])
    return found.group()


def in_japan(instant: str | datetime) -> datetime:
    at = instant if isinstance(instant, datetime) else datetime.fromisoformat(instant)
    return at.astimezone(ZoneInfo("Asia/Tokyo"))
