"""The demo's first act: the main job, from the first tenant to the customer's contract, on the product itself."""

from datetime import datetime, timedelta
from typing import Any

from local.demo_cast import Cast, DemoFailedError
from local.demo_narration import Narrator
from local.demo_office import APPLICANT, COMPANY, DESK, HANAKO, JIRO, PASSWORD, Office, in_japan, link_in

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
    def __init__(self, cast: Cast, narrator: Narrator) -> None:
        self._cast = cast
        self._narrator = narrator
        self._act = narrator.act
        self._step = narrator.step

    async def tell(self) -> None:
        await self._open_tenant()
        number = await self._apply()
        await self._confirm(number)
        await self._decide(number)
        await self._sign_up_users()
        await self._look_back(number)
        await self._make_contract()

    async def _open_tenant(self) -> None:
        self._act("A partner tenant opens")
        tenant, mail = await Office.found(self._cast)
        await self._step(
            f"The operator creates tenant {tenant}; its first person is mailed a signup link.",
            ("mail", self._cast.mail_page(mail)),
        )
        self._office, link = await Office.staffed(self._cast, tenant)
        await self._step("They register on the page behind it, and sign in.", ("page", link))
        mail = await self._office.confirm_desk()
        await self._step(
            f"{DESK} shall hear of applications: pressed in its own confirmation mail.",
            ("mail", self._cast.mail_page(mail)),
        )

    async def _apply(self) -> str:
        self._act("An application arrives")
        url = (await self._office.ask("GET", "/invitation"))["url"]
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
        link = link_in(await self._cast.mail(APPLICANT, number))
        await self._cast.visitor.open(link)
        await self._cast.visitor.press(link)
        mail = await self._cast.mail(DESK, number)
        await self._step(
            "Opening the link changes nothing, pressing its button confirms; now the tenant hears of it.",
            ("page", link),
            ("mail", self._cast.mail_page(mail)),
        )

    async def _decide(self, number: str) -> None:
        self._act("Staff decide")
        path = f"/applications/{number}"
        await self._office.ask("POST", f"{path}/hold", {"memo1": "与信確認中"})
        await self._step(
            "On hold, with a memo; reminders rest for 30 days.",
            ("Temporal Web UI", self._cast.web_ui(self._application(number))),
        )
        pid = self._cast.kill("Worker 1")
        await self._step(f"kill -9 of the worker (process {pid}), in the middle of it all …")
        decided = await self._office.ask("POST", f"{path}/approve", {"memo2": "承認済み"})
        customer = self._office.customer = decided["customer_id"]
        mail = await self._cast.mail(APPLICANT, number, count=3)
        await self._step(
            f"… and approved all the same: customer {customer}, made exactly once.",
            ("mail", self._cast.mail_page(mail)),
        )

    async def _sign_up_users(self) -> None:
        self._act("Two people, seven days")
        users = (await self._office.of_customer("GET", "/users"))["items"]
        by_address = {user["mail_address"]: user["user_id"] for user in users}
        link = link_in(await self._cast.mail(HANAKO))
        await self._cast.visitor.press(link, {"password": PASSWORD, "password_confirmation": PASSWORD})
        await self._step("花子 signs up by her link.", ("page", link))
        await self._cast.mail(JIRO)
        signup = f"signup-{self._office.tenant}-{by_address[JIRO]}"
        for mails, days, what in ((2, 4, "four days pass: a reminder"), (3, 2, "two more: the last reminder")):
            await self._cast.pass_time(signup, timedelta(days=days, minutes=1))
            mail = await self._cast.mail(JIRO, count=mails)
            await self._step(f"次郎 does nothing; {what}.", ("mail", self._cast.mail_page(mail)))
        await self._cast.pass_time(signup, timedelta(days=1))
        path = f"/v1/tenants/{self._office.tenant}/procedures/{signup}"
        await self._cast.state(path, "state", "signup_expired", key=self._office.session)
        link = link_in(await self._cast.mail(JIRO))
        if not await self._cast.visitor.is_dead(link):
            raise DemoFailedError("The link of an expired signup still opens its page.")
        await self._step(
            "Seven days are over: his link is dead, his signup has expired.",
            ("page", link),
            ("Temporal Web UI", self._cast.web_ui(signup)),
        )

    async def _make_contract(self) -> None:
        self._act("A contract")
        product = await self._office.offer_product()
        listed = await self._cast.call("GET", "/v1/products", key=self._office.session)
        await self._step(f"The catalogue has {listed['total']} product: {product['product_id']}, {product['name']}.")
        made_on = in_japan((await self._office.of_customer("GET"))["created_at"]).date()
        contract = await self._office.apply(product, made_on)
        number = contract["contract_number"]
        mail = await self._cast.mail(DESK, number)
        await self._step(
            f"Contract {number} for a UTM: to {contract['term_end_date']}, then renewed by itself. A carrier is asked.",
            ("mail", self._cast.mail_page(mail)),
            ("Temporal Web UI", self._cast.web_ui(f"contract-{self._office.tenant}-{number}")),
        )

    async def _look_back(self, number: str) -> None:
        self._act("The application, as the product remembers it")
        lines = []
        for entry in await self._office.timeline(self._application(number)):
            by = str(entry.get("by") or "").partition(":")[0]
            lines.append(f"{_time(entry['at'])}  {by:<10} {entry['text']}")
        self._narrator.lines(lines)
        await self._narrator.show()

    def _application(self, number: str) -> str:
        return f"service-application-{self._office.tenant}-{number}"


def _time(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%m-%d %H:%M:%S}"
