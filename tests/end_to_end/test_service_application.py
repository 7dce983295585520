"""The main job on the rehearsal stack, from the first tenant to the last signup, through real links and pages."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from local.demo_office import APPLICANT, DESK, HANAKO, JIRO, PASSWORD, STAFF
from local.demo_story import APPLICATION
from local.processes import free_port
from local.visitor import Visitor
from tests.product_process import Product
from tests.world import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("rehearsal")]
LINK = re.compile(r"https?://\S+/(?:links|apply)/\S+")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    product = Product(tmp_path_factory.mktemp("rehearsal"), "--rehearsal", f"--api-port={free_port()}")
    yield product.start()
    product.stop()


@dataclass
class Client:
    """Whoever speaks to the product: over HTTP, by mail, at a page."""

    ready: dict[str, Any]
    http: httpx2.AsyncClient
    visitor: Visitor

    async def call(self, method: str, path: str, body: Any = None, *, key: str) -> Any:
        answer = await self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def advance(self, by: str) -> None:
        await self.call("POST", "/v1/rehearsal/advance", {"by": by}, key=self.ready["operator_key"])

    async def mails(self, recipient: str) -> list[dict[str, Any]]:
        """Newest first."""
        answer = await self.http.get(f"{self.ready['inbox_url']}/api/mails", params={"to": recipient})
        found = answer.json()
        mails: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found
        return mails

    async def mails_about(self, subject: str, recipient: str, count: int = 1) -> list[dict[str, Any]]:
        """Those with that in their subject, once there are `count`."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = [mail for mail in await self.mails(recipient) if subject in mail["subject"]]
            return len(found) >= count

        await eventually(there, patience=20)
        return found

    async def link(self, recipient: str) -> str:
        """Of the newest mail, once there is one."""
        found = LINK.search((await self.mails_about("", recipient))[0]["text"])
        assert found
        return found.group()


@pytest.fixture
async def client(ready: dict[str, Any]) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(base_url=ready["api_url"], timeout=60) as http:
        visitor = Visitor()
        yield Client(ready, http, visitor)
        await visitor.close()


async def signed_in_staff(client: Client, tenant_id: str) -> str:
    await client.visitor.press(
        await client.link(STAFF),
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
    session = await client.call("POST", "/v1/sessions", {"mail_address": STAFF, "password": PASSWORD}, key="none")
    assert [tenant["tenant_id"] for tenant in session["tenants"]] == [tenant_id]
    return str(session["token"])


@pytest.mark.requirement("TEN-01", "TEN-02", "TEN-03", "AUT-01", "SET-06", "APP-01", "APP-07", "APP-08", "APP-09")
@pytest.mark.requirement("APP-11", "APP-12", "APP-13", "USR-03", "CUS-01", "GEN-04", "GEN-06")
@pytest.mark.requirement("ADD-01", "ADD-02", "ADD-03", "ADD-04", "ADD-05", "ADD-06", "CUS-06")
async def test_an_invitation_becomes_an_approved_customer_whose_people_have_signed_up(client: Client) -> None:
    """And the one who lets seven days pass does not. The other asks for more UTMs later."""
    operator = client.ready["operator_key"]
    tenant = await client.call(
        "POST", "/v1/tenants", {"name": "みなとセキュリティ", "staff": {"mail_address": STAFF}}, key=operator
    )
    base = f"/v1/tenants/{tenant['tenant_id']}"
    staff = await signed_in_staff(client, tenant["tenant_id"])

    address = {"mail_address": DESK, "mail_address_confirmation": DESK}
    pending = await client.call("PUT", f"{base}/notification-addresses", {"addresses": [address]}, key=staff)
    assert pending["addresses"][0]["state"] == "pending"
    await client.visitor.press(await client.link(DESK))

    invitation = (await client.call("GET", f"{base}/invitation", key=staff))["url"]
    await client.visitor.open(invitation)
    submitted = await client.call("POST", f"/v1/apply/{invitation.rsplit('/', 1)[1]}", APPLICATION, key="none")
    number = submitted["application_number"]
    confirmation = await client.link(APPLICANT)
    await client.visitor.open(confirmation)
    assert (await client.call("GET", f"{base}/applications/{number}", key=staff))["state"] == "awaiting_confirmation"
    await client.visitor.press(confirmation)
    await client.visitor.open(confirmation)

    held = await client.call("POST", f"{base}/applications/{number}/hold", {"memo1": "与信確認中"}, key=staff)
    assert held["state"] == "on_hold"
    approved = await client.call("POST", f"{base}/applications/{number}/approve", {}, key=staff)
    customer = f"{base}/customers/{approved['customer_id']}"
    assert (await client.call("GET", customer, key=staff))["status"] == "draft"

    await client.visitor.press(await client.link(HANAKO), {"password": PASSWORD, "password_confirmation": PASSWORD})
    await client.link(JIRO)
    await client.advance("P7D")
    users = (await client.call("GET", f"{customer}/users", key=await signed_in_again(client)))["items"]
    assert {user["mail_address"]: user["signup_state"] for user in users} == {
        HANAKO: "registered",
        JIRO: "signup_expired",
    }
    assert len(await client.mails(JIRO)) == 3
    assert len(await client.mails(HANAKO)) == 1
    await ask_for_more_utms(client, base, approved["customer_id"])


async def ask_for_more_utms(client: Client, base: str, customer_id: str) -> None:
    """She asks for a branch, staff need a reminder to approve it, and then its address is offered with the others."""
    branch = {**APPLICATION["utm_destinations"][0], "company_name": "ひかり商事 札幌支店", "quantity": 4}
    hanako = await signed_in_again(client, HANAKO)
    added = await client.call("POST", f"/v1/customers/{customer_id}/utm-additions", branch, key=hanako)
    number = added["application_number"]
    assert len(await client.mails_about(number, HANAKO)) == 1
    assert len(await client.mails_about(number, DESK)) == 1
    await client.advance("P14D")  # with three business days in it, whatever the holidays
    assert "お待ちしています" in (await client.mails_about(number, DESK, 2))[0]["subject"]

    staff = await signed_in_again(client)
    [waiting] = (await client.call("GET", f"{base}/utm-additions", key=staff))["items"]
    assert (waiting["application_number"], waiting["customer_id"]) == (number, customer_id)
    await client.call("POST", f"{base}/utm-additions/{number}/approve", key=staff)
    assert "審査の結果：承認" in (await client.mails_about(number, HANAKO, 2))[0]["text"]
    page = await client.call("GET", f"{base}/customers/{customer_id}", key=staff)
    assert [addition["state"] for addition in page["utm_additions"]] == ["approved"]
    assert [place["company_name"][-4:] for place in page["offered_addresses"]] == ["事 本社", "大阪支店", "札幌支店"]


async def signed_in_again(client: Client, mail_address: str = STAFF) -> str:
    """A session lives twelve hours (AUT-05)."""
    credentials = {"mail_address": mail_address, "password": PASSWORD}
    return str((await client.call("POST", "/v1/sessions", credentials, key="none"))["token"])
