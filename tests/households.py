"""Two tenants side by side, each with everybody who can call the API and something of everything that has an id."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from httpx2 import AsyncClient
from sqlalchemy import select, text

from api.context import Context
from models.database import Database
from models.rules.periods import day_of
from models.tables.people import StaffMember
from models.tables.procedures import Mail
from models.tables.schema import Table
from tests.accounts import PASSWORD, make_person, make_portal_user, signed_in
from tests.api.test_service_application import FORM
from tests.contracts import MONTHLY, ZONE
from tests.devices import DeviceUnderTest, make_devices, order_restart
from tests.page_reader import hidden
from tests.world import World, make_tenant, sign_in_staff

Headers = dict[str, str]
FINGERPRINT = "pc-of-the-household"


@dataclass(frozen=True)
class Household:
    """`ids`: by the name that they have in paths. `callers`: the headers of everybody but the operator."""

    tenant_id: str
    ids: dict[str, list[str]]
    callers: dict[str, Headers]


@dataclass
class Builder:
    """Makes one, by the API as far as that goes."""

    api: AsyncClient
    world: World
    context: Context
    tenant_id: str
    name: str
    """What every person and thing of it is called."""
    staff: Headers
    device: DeviceUnderTest

    @property
    def operator(self) -> Headers:
        return {"Authorization": f"Bearer {self.context.settings.operator_key.get_secret_value()}"}

    @property
    def url(self) -> str:
        return f"/v1/tenants/{self.tenant_id}"

    @property
    def customer_url(self) -> str:
        return f"{self.url}/customers/{self.device.customer_id}"

    def address(self, who: str) -> str:
        return f"{who}@{self.tenant_id.lower()}.example"

    async def post(self, url: str, headers: Headers | None = None, **body: Any) -> dict[str, Any]:
        answer = await self.api.post(url, json=body, headers=self.staff if headers is None else headers)
        assert answer.is_success, f"{url}: {answer.text}"
        made: dict[str, Any] = answer.json()
        return made

    async def portal_user(self) -> tuple[str, Headers]:
        address = self.address("hanako")
        person = await make_person(self.world, address)
        user_id = await make_portal_user(self.world, person, self.device.customer_id, tenant_id=self.tenant_id)
        return user_id, await signed_in(self.api, PASSWORD, address)

    async def viewer(self) -> tuple[str, Headers]:
        """Asked for, approved by the administrator, and entered."""
        asked = {
            "name": self.name,
            "mail_address": self.address("jiro"),
            "pc_name": "PC",
            "pc_fingerprint": FINGERPRINT,
        }
        made = await self.post("/v1/viewer/requests", {}, company_code=self.device.customer_id, **asked)
        taro = self.address("taro")
        await self.world.mails_to(taro, 1)
        link = f"/links/{self.world.mails.to(taro)[0].token}"
        await self.api.post(link, data=hidden(await self.api.get(link)) | {"decision": "approve"})
        await self.world.mails_to(self.address("jiro"), 1)
        token = self.context.link_key.viewer_token(made["request_id"])
        entered = {"token": token, "pc_fingerprint": FINGERPRINT}
        allowed = await self.post(f"/v1/viewer/requests/{made['request_id']}/token", {}, **entered)
        headers = {"Authorization": f"Bearer {allowed['credential']}", "X-PC-Fingerprint": FINGERPRINT}
        return made["request_id"], headers

    async def application(self) -> str:
        """Confirmed, and not decided."""
        invitation = (await self.api.get(f"{self.url}/invitation", headers=self.staff)).json()["url"]
        company = {**FORM["company"], "mail_address": self.address("applicant"), "company_name": self.name}
        form = FORM | {"company": company}
        number = str((await self.post(f"/v1/apply/{invitation.rpartition('/')[2]}", {}, **form))["application_number"])
        handle = self.world.client.get_workflow_handle(f"service-application-{self.tenant_id}-{number}")
        await handle.execute_update("confirm", {"command_id": "confirm", "actor": "applicant"})
        return number

    async def contract(self) -> tuple[str, str]:
        """Returns the product's id too."""
        plans = [{"name": "標準", "charges": [MONTHLY]}]
        product = {"name": "まもるUTM", "description": "", "includes_utm": True, "rate_plans": plans}
        made = await self.post("/v1/products", self.operator, **product)
        body: dict[str, Any] = {
            "start_date": day_of(await self.world.clock.now(), ZONE).isoformat(),
            "initial_term": {"value": 1, "unit": "year"},
            "renewal_term": {"value": 1, "unit": "year"},
            "product_id": made["product_id"],
            "rate_plans": [{"rate_plan_id": made["rate_plans"][0]["rate_plan_id"], "quantity": 1}],
        }
        return (await self.post(f"{self.customer_url}/contracts", **body))["contract_number"], made["product_id"]

    async def fleet_restart(self) -> str:
        in_a_month = await self.world.clock.now() + timedelta(days=30)
        at = in_a_month.replace(minute=0, second=0, microsecond=0).isoformat()
        body: dict[str, Any] = {"utm_ids": [self.device.utm_id], "at": at, "per_slot": 1}
        return str((await self.post(f"{self.url}/fleet-restarts", **body))["fleet_restart_id"])

    async def remote_support(self) -> str:
        body = {"utm_id": self.device.utm_id, "reason": self.name, "desk_operator": self.name}
        return str((await self.post("/v1/support/remote-support", self.operator, **body))["request_id"])

    async def row_ids(self) -> tuple[str, str]:
        """Of a staff member and of a mail."""
        async with self.world.database.transaction(self.tenant_id) as connection:
            person = await connection.scalar(select(StaffMember.person_id))
            mail = await connection.scalar(select(Mail.mail_id).limit(1))
        return str(person), str(mail)


async def make_household(
    api: AsyncClient, world: World, context: Context, tenant_id: str, *, name: str = "山田"
) -> Household:
    """In a tenant that is not there yet."""
    now = await world.clock.now()
    await make_tenant(world.database, tenant_id, now)
    staff = await sign_in_staff(world, tenant_id)
    [device] = await make_devices(world.database, now, tenant_id=tenant_id)
    builder = Builder(api, world, context, tenant_id, name, staff, device)
    taro = builder.address("taro")
    administrator = await builder.post(f"{builder.customer_url}/administrators", name=name, mail_address=taro)
    keys = {scope: await builder.post(f"{builder.url}/api-keys", name=name, scope=scope) for scope in ("read", "write")}
    user_id, portal_user = await builder.portal_user()
    viewer_id, viewer = await builder.viewer()
    application, (contract, product_id) = await builder.application(), await builder.contract()
    invitation = await builder.post(f"{builder.url}/invitations", mail_address=builder.address("guest"))
    support, fleet = await builder.remote_support(), await builder.fleet_restart()
    person_id, mail_id = await builder.row_ids()
    return Household(
        tenant_id=tenant_id,
        ids={
            "tenant_id": [tenant_id],
            "customer_id": [device.customer_id],
            "utm_id": [device.utm_id],
            "user_id": [user_id],
            "person_id": [person_id],
            "administrator_id": [administrator["administrator_id"]],
            "api_key_id": [keys["read"]["api_key_id"]],
            "number": [application, contract],
            "contract_number": [contract],
            "invitation_id": [invitation["invitation_id"]],
            "request_id": [viewer_id, support],
            "viewer_id": [viewer_id],
            "procedure_id": [f"contract-{tenant_id}-{contract}", f"service-application-{tenant_id}-{application}"],
            "product_id": [product_id],
            "fleet_restart_id": [fleet],
            "mail_id": [mail_id],
            "command_id": [await order_restart(world, device)],
            "template": ["application_result"],
            "decision": ["approve", "deny", "hold"],
        },
        callers={
            "staff": staff,
            "portal user": portal_user,
            "read key": _bearer(keys["read"]["key"]),
            "write key": _bearer(keys["write"]["key"]),
            "device": device.headers,
            "viewer": viewer,
        },
    )


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


async def checksum(database: Database, tenant_id: str) -> str:
    """Of everything that the tenant has."""
    async with database.transaction(tenant_id) as connection:
        found: str = await connection.scalar(_CHECKSUM)
        return found


_TABLES = sorted(table.name for table in Table.metadata.tables.values() if "tenant_id" in table.c)
_ROWS = " UNION ALL ".join(f"SELECT '{name}' || t::text AS row FROM {name} t" for name in _TABLES)  # noqa: S608 - our own names
_CHECKSUM = text(f"SELECT md5(string_agg(row, '' ORDER BY row)) FROM ({_ROWS}) AS everything")  # noqa: S608 - likewise
