"""The demo's story, from the first tenant to the contract that was cancelled and stays."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

from local.demo_cast import Cast, DemoFailedError
from local.demo_contract import ContractStory
from local.terminal import Terminal

STAFF, DESK = "sato@minato-msp.example", "desk@minato-msp.example"
APPLICANT, HANAKO, JIRO = "taro@hikari.example", "hanako@hikari.example", "jiro@hikari.example"
PASSWORD = "correct-horse-battery"  # noqa: S105 - of a person who does not exist
_LINK = re.compile(r"https?://\S+/(?:links|apply)/\S+")

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
APPLICATION: dict[str, Any] = {
    "company": COMPANY,
    "utm_destinations": [
        {
            "company_name": f"ひかり商事 {place}",
            "last_name": "山田",
            "first_name": "太郎",
            "postal_code": postal_code,
            "prefecture": prefecture,
            "address": address,
            "phone_number": "0312345678",
            "quantity": quantity,
        }
        for place, postal_code, prefecture, address, quantity in (
            ("本社", "105-0011", "東京都", "港区芝公園4-2-8", 2),
            ("大阪支店", "530-0001", "大阪府", "大阪市北区梅田3-1-1", 1),
        )
    ],
    "portal_users": [
        {"last_name": "山田", "first_name": "花子", "mail_address": HANAKO},
        {"last_name": "鈴木", "first_name": "次郎", "mail_address": JIRO},
    ],
}


class Story:
    def __init__(self, cast: Cast, terminal: Terminal, pace: float) -> None:
        self._cast = cast
        self._terminal = terminal
        self._pace = pace
        self._operator = cast.addresses.operator_key
        self._staff = ""
        self._tenant = ""

    async def tell(self) -> None:
        await self._open_tenant()
        await self._sign_up_staff()
        number = await self._apply()
        await self._confirm(number)
        customer = await self._decide(number)
        await self._sign_up_users(customer)
        await self._make_contract(customer)
        await self._look_around(number)

    async def _open_tenant(self) -> None:
        self._act("A partner tenant opens")
        tenant = await self._cast.call(
            "POST",
            "/v1/tenants",
            {"name": "みなとセキュリティ", "staff": {"mail_address": STAFF}},
            key=self._operator,
        )
        self._tenant = tenant["tenant_id"]
        mail = await self._cast.mail(STAFF)
        await self._step(
            f"The operator creates tenant {self._tenant}; its first person is mailed a signup link.",
            ("mail", self._cast.mail_page(mail)),
        )

    async def _sign_up_staff(self) -> None:
        link = _link(await self._cast.mail(STAFF))
        await self._cast.visitor.press(
            link,
            {
                "password": PASSWORD,
                "password_confirmation": PASSWORD,
                "user_name": "佐藤\u3000一郎",
                "company_name": "みなとセキュリティ",
                "department": "営業部",
                "phone_number": "0311112222",
                "remark": "",
                "step": "register",
            },
        )
        session = await self._cast.call(
            "POST", "/v1/sessions", {"mail_address": STAFF, "password": PASSWORD}, key="nobody-yet"
        )
        self._staff = session["token"]
        await self._step("They register on the page behind it, and sign in.", ("page", link))
        path = f"/v1/tenants/{self._tenant}/notification-addresses"
        address = {"mail_address": DESK, "mail_address_confirmation": DESK}
        await self._cast.call("PUT", path, {"addresses": [address]}, key=self._staff)
        mail = await self._cast.mail(DESK)
        await self._cast.visitor.press(_link(mail))
        await self._step(
            f"{DESK} shall hear of applications: pressed in its own confirmation mail.",
            ("mail", self._cast.mail_page(mail)),
        )

    async def _apply(self) -> str:
        self._act("An application arrives")
        url = (await self._cast.call("GET", f"/v1/tenants/{self._tenant}/invitation", key=self._staff))["url"]
        await self._cast.visitor.open(url)
        await self._step("The invitation URL opens the application form.", ("page", url))
        token = url.rsplit("/", 1)[1]
        submitted = await self._cast.call("POST", f"/v1/apply/{token}", APPLICATION, key="nobody")
        number: str = submitted["application_number"]
        mail = await self._cast.mail(APPLICANT, number)
        await self._step(
            f"ひかり商事 applies: {number}, two UTM destinations, two portal users. To be confirmed within 24 hours.",
            ("mail", self._cast.mail_page(mail)),
            ("Temporal Web UI", self._cast.web_ui(self._application(number))),
        )
        return number

    async def _confirm(self, number: str) -> None:
        link = _link(await self._cast.mail(APPLICANT, number))
        await self._cast.visitor.open(link)
        await self._cast.visitor.press(link)
        mail = await self._cast.mail(DESK, number)
        await self._step(
            "Opening the link changes nothing, pressing its button confirms; now the tenant hears of it.",
            ("page", link),
            ("mail", self._cast.mail_page(mail)),
        )

    async def _decide(self, number: str) -> str:
        self._act("Staff decide")
        path = f"/v1/tenants/{self._tenant}/applications/{number}"
        await self._cast.call("POST", f"{path}/hold", {"memo1": "与信確認中"}, key=self._staff)
        await self._step(
            "On hold, with a memo; reminders rest for 30 days.",
            ("Temporal Web UI", self._cast.web_ui(self._application(number))),
        )
        pid = self._cast.kill("Worker 1")
        await self._step(f"kill -9 of the worker (process {pid}), in the middle of it all …")
        decided = await self._cast.call("POST", f"{path}/approve", {"memo2": "承認済み"}, key=self._staff)
        customer: str = decided["customer_id"]
        mail = await self._cast.mail(APPLICANT, number, count=3)
        await self._step(
            f"… and approved all the same: customer {customer}, made exactly once.",
            ("mail", self._cast.mail_page(mail)),
        )
        return customer

    async def _sign_up_users(self, customer: str) -> None:
        self._act("Two people, seven days")
        path = f"/v1/tenants/{self._tenant}/customers/{customer}/users"
        users = (await self._cast.call("GET", path, key=self._staff))["items"]
        by_address = {user["mail_address"]: user["user_id"] for user in users}
        link = _link(await self._cast.mail(HANAKO))
        await self._cast.visitor.press(link, {"password": PASSWORD, "password_confirmation": PASSWORD})
        await self._step("花子 signs up by her link.", ("page", link))
        await self._cast.mail(JIRO)
        signup = f"signup-{self._tenant}-{by_address[JIRO]}"
        for mails, days, what in ((2, 4, "four days pass: a reminder"), (3, 2, "two more: the last reminder")):
            await self._cast.pass_time(signup, timedelta(days=days, minutes=1))
            mail = await self._cast.mail(JIRO, count=mails)
            await self._step(f"次郎 does nothing; {what}.", ("mail", self._cast.mail_page(mail)))
        await self._cast.pass_time(signup, timedelta(days=1))
        await self._cast.state(
            f"/v1/tenants/{self._tenant}/procedures/{signup}", "state", "signup_expired", key=self._staff
        )
        link = _link(await self._cast.mail(JIRO))
        if not await self._cast.visitor.is_dead(link):
            raise DemoFailedError("The link of an expired signup still opens its page.")
        await self._step(
            "Seven days are over: his link is dead, his signup has expired.",
            ("page", link),
            ("Temporal Web UI", self._cast.web_ui(signup)),
        )

    async def _make_contract(self, customer: str) -> None:
        self._act("A contract, and a cancellation that is undone")
        story = ContractStory(
            cast=self._cast,
            step=self._step,
            note=self._terminal.note,
            tenant=self._tenant,
            customer=customer,
            staff=self._staff,
            contact=APPLICANT,
            desk=DESK,
        )
        await story.tell(APPLICATION["utm_destinations"][0])

    async def _look_around(self, number: str) -> None:
        self._act("The story, as the product remembers it")
        procedure = await self._cast.call(
            "GET", f"/v1/tenants/{self._tenant}/procedures/{self._application(number)}?lang=en", key=self._staff
        )
        for entry in procedure["timeline"]:
            by = str(entry.get("by") or "").partition(":")[0]
            self._terminal.note(f"    {_time(entry['at'])}  {by:<10} {entry['text']}")
        self._terminal.links(
            [
                ("all mails", str(self._cast.addresses.inbox_url)),
                ("all procedures", f"{self._cast.addresses.temporal_ui_url}/namespaces/default/workflows"),
                ("the API", f"{self._cast.addresses.api_url}/docs"),
            ]
        )

    def _application(self, number: str) -> str:
        return f"service-application-{self._tenant}-{number}"

    def _act(self, title: str) -> None:
        self._terminal.act(title)

    async def _step(self, sentence: str, *links: tuple[str, str]) -> None:
        self._terminal.note(f"  {sentence}")
        self._terminal.links(list(links))
        await asyncio.sleep(self._pace)


def _link(mail: dict[str, Any]) -> str:
    found = _LINK.search(mail["text"])
    if found is None:
        raise ValueError(mail["subject"])
    return found.group()


def _time(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%m-%d %H:%M:%S}"
