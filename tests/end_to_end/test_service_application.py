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

    async def link(self, recipient: str, *, count: int = 1) -> str:
        """Of the newest mail, once there are `count`."""

        async def there() -> bool:
            return len(await self.mails(recipient)) >= count

        await eventually(there, patience=20)
        found = LINK.search((await self.mails(recipient))[0]["text"])
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
async def test_an_invitation_becomes_an_approved_customer_whose_people_have_signed_up(client: Client) -> None:
    """And the one who lets seven days pass does not."""
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


async def signed_in_again(client: Client) -> str:
    """A session lives twelve hours (AUT-05)."""
    session = await client.call("POST", "/v1/sessions", {"mail_address": STAFF, "password": PASSWORD}, key="none")
    return str(session["token"])
