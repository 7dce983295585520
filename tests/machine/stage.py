"""Where a play is given: a tenant of its own, with people and a device, on the product's real parts.

Each play has a world clock, a mail server, a worker and a tenant to itself; all plays of a process share the database.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import update

from api.app import create_app
from api.commands import Commands
from api.context import Context
from local.processes import free_port
from local.rehearsal_server import RehearsalServer
from models.calendars import is_business_day
from models.database import Database
from models.identifiers import Draw
from models.links import LinkKey
from models.tables.utms import Utm
from settings import Settings
from tests.accounts import make_person, make_staff
from tests.contracts import COMPANY, MONTHLY
from tests.devices import DeviceUnderTest, make_devices
from tests.machine.paper import Page
from tests.mail_server import MailServer
from tests.page_reader import hidden, soup
from tests.world import NOTIFIED, Employ, World, in_this_process, make_tenant, running_world, sign_in_staff

TARO, HANAKO, DESK, CUSTOMER = (
    "taro@minato.example",
    "hanako@minato.example",
    "desk@support.example",
    "it@minato.example",
)
OTHER = "T9000000"
"""The tenant next door, whom none of it may touch."""
PERSON = {"last_name": "山田", "first_name": "太郎"}


@dataclass
class Sent:
    """A request that was taken, for its repetition."""

    url: str
    body: dict[str, Any]
    headers: dict[str, str]
    status: int
    answer: str


@dataclass
class Stage:
    database: Database
    settings: Settings
    temporal_address: str
    mails: MailServer
    employ: Employ
    tenant_id: str = field(default_factory=lambda: Draw().tenant_id())
    operator: dict[str, str] = field(default_factory=dict)
    staff: dict[str, str] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    last: Sent | None = None
    had_outage: bool = False
    is_up: bool = True
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    world: World = field(init=False)
    context: Context = field(init=False)
    api: AsyncClient = field(init=False)
    device: DeviceUnderTest = field(init=False)
    account: str = field(init=False)
    """The mail address of somebody with a password."""
    company: str = field(init=False)
    """The customer whose contracts these are."""
    plan: dict[str, str] = field(init=False)

    # What it stands on.

    async def begin(self) -> None:
        self.world = await self._running.enter_async_context(
            running_world(self.temporal_address, self.database, self.mails, settings=self.settings, employ=self.employ)
        )
        self.context = Context(
            settings=self.settings,
            database=self.database,
            commands=Commands(self.world.client, self.world.task_queue, self.settings.durations.synchronous_answer),
            clock=self.world.clock,
            cipher=self.world.cipher,
            link_key=LinkKey(self.settings.link_key.get_secret_value().encode()),
        )
        app = create_app(self.context)
        await self._running.enter_async_context(app.router.lifespan_context(app))
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        self.api = await self._running.enter_async_context(
            AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", timeout=60)
        )

    async def end(self) -> None:
        await self._running.aclose()

    async def furnish(self) -> None:
        now = await self.now()
        await make_tenant(self.database, self.tenant_id, now)
        self.staff = await sign_in_staff(self.world, self.tenant_id)
        self.operator = {"Authorization": f"Bearer {self.settings.operator_key.get_secret_value()}"}
        [self.device] = await make_devices(self.database, now, tenant_id=self.tenant_id)
        addresses = {"service_desk_addresses": [DESK], "customer_addresses": [CUSTOMER]}
        async with self.database.transaction(self.tenant_id) as connection:
            await connection.execute(update(Utm).where(Utm.utm_id == self.device.utm_id).values(**addresses))
        url = f"{self.url}/customers/{self.device.customer_id}/administrators"
        for address in (TARO, HANAKO):
            assert (await self.post(url, {"name": "山田", "mail_address": address}, self.staff)).status_code == 201
        self.account = f"{Draw().opaque_id()}@partner.example"
        person = await make_person(self.world, self.account)
        await make_staff(self.world, person, self.tenant_id, self.account)
        self.company = (await self.post(f"{self.url}/customers", COMPANY, self.staff)).json()["customer_id"]
        product = {"name": "まもるUTM", "description": "", "includes_utm": True}
        plans = {"rate_plans": [{"name": "標準", "charges": [MONTHLY]}]}
        made = (await self.post("/v1/products", product | plans, self.operator)).json()
        self.plan = {"product_id": made["product_id"], "rate_plan_id": made["rate_plans"][0]["rate_plan_id"]}
        self.last = None

    @property
    def url(self) -> str:
        return f"/v1/tenants/{self.tenant_id}"

    @property
    def notified(self) -> str:
        return NOTIFIED

    def is_business_day(self, day: date) -> bool:
        return is_business_day("JP")(day)

    async def now(self) -> datetime:
        return await self.world.clock.now()

    # What people and devices do.

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> Response:
        keyed = headers | {"Idempotency-Key": Draw().opaque_id()}
        answer = await self.api.post(url, json=body, headers=keyed)
        assert answer.status_code not in (202, 503) or "restart" in url or "viewer" in url or "resets" in url, (
            answer.text
        )
        if answer.is_success and "/device/" not in url:
            self.last = Sent(url, body, keyed, answer.status_code, answer.text)
        return answer

    async def press(self, token: str, **fields: str) -> Response | None:
        """The button of the page behind the link; None: the page has none."""
        link = f"/links/{token}"
        page = await self.api.get(link)
        assert page.status_code in (200, 404, 410), page.text
        if page.status_code != 200 or soup(page).form is None:
            return None
        return await self.api.post(link, data=hidden(page) | fields)

    async def scan(self, token: str) -> None:
        """As mail scanners do: open it, look at its head, press a button without choosing."""
        for method in ("GET", "HEAD"):
            answer = await self.api.request(method, f"/links/{token}")
            assert answer.status_code in (200, 410), answer.text

    async def is_refused_alike(self, token: str) -> None:
        """A link that nobody was given."""
        wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
        assert (await self.api.get(f"/links/{wrong}")).status_code == 404


@asynccontextmanager
async def open_stage(database: Database, settings: Settings, employ: Employ = in_this_process) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="tetsuzuki-machine-") as folder:
        server = RehearsalServer(port=free_port(), log=Path(folder) / "temporal.log")
        mails = MailServer(free_port())
        server.start()
        mails.start()
        stage = Stage(database, settings, server.address, mails, employ)
        try:
            await stage.begin()
            await stage.furnish()
            yield stage
        finally:
            with contextlib.suppress(TimeoutError):
                await stage.end()
            mails.stop()
            server.stop()
