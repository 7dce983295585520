"""One running product with a tenant to apply to, another that nobody touches, and everybody who takes part."""

import asyncio
import hashlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from psycopg.rows import dict_row
from sqlalchemy import insert, select, update
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client as Engine
from temporalio.service import RPCError

from local.processes import free_port
from models.database import Database
from models.encryption import Cipher
from models.identifiers import Draw, digest, secret_token
from models.tables.people import Person, Session, StaffMember
from models.tables.tenants import NotificationAddress, Tenant
from models.vocabulary import SignupState
from tests.faults import gates
from tests.faults.client import Client
from tests.faults.detours import MAIL, Detours
from tests.faults.sink import MailSink
from tests.product_process import Product
from tests.world import eventually, make_tenant
from workflows.client import connect

WORKER = "Worker 1"
PARTS = (WORKER, "API", "Temporal", "Postgres")
EVERYTHING = "everything"
"""The supervisor and all its parts."""
TENANT = "T8000001"
UNTOUCHED = "T8000002"
_WIDE = {
    f"TETSUZUKI_RATE_LIMITS__{name}": "1000000/minute"
    for name in ("APPLY_PER_CLIENT", "APPLY_PER_ADDRESS", "LINK_PER_CLIENT", "SIGN_IN_PER_CLIENT")
}
BACK_WITHIN = 60  # seconds until a killed part must answer again


@dataclass
class Site:
    product: Product
    sink: MailSink
    client: Client
    engine: Engine
    engine_lists: bool
    """A rehearsal's engine cannot tell which workflows it has."""
    staff: dict[str, str]
    """Headers of a signed-in member of the tenant."""
    operator: dict[str, str]
    database_url: str
    api_url: str
    invitation: str
    untouched_before: str
    superuser_url: str
    """Of the database, past all row-level security."""
    cipher: Cipher
    """Of Temporal's payloads."""

    async def checksum(self) -> str:
        """Of everything that the untouched tenant has."""
        return await _checksum(self.database_url)

    def kill(self, part: str) -> int:
        """`kill -9`. Returns the process id that is no more."""
        if part == EVERYTHING:
            self.product.kill_all()
            return self.product.process.pid
        pid = self.product.pids()[part]
        os.kill(pid, signal.SIGKILL)
        return pid

    def freeze(self, part: str) -> None:
        """It stands still, its connections open; only a kill follows."""
        os.kill(self.product.pids()[part], signal.SIGSTOP)

    async def comes_back(self, part: str, killed: int) -> float:
        """Wait until another process has taken the part and everything answers. Returns the seconds it took.

        Everything does not come back by itself: it is started again, on the same folder.
        """
        began = time.monotonic()
        if part == EVERYTHING:
            await asyncio.to_thread(self.product.start)
        else:
            await eventually(lambda: self.product.pids().get(part) != killed, patience=BACK_WITHIN)
        await self.answers()
        return time.monotonic() - began

    async def answers(self) -> None:
        """Wait until all parts answer, and the worker asks for work."""
        await eventually(self._answers, patience=BACK_WITHIN)

    async def _worker_polls(self) -> bool:
        """The engine still lists the workers that died lately; the present one must be among them."""
        asked = DescribeTaskQueueRequest(
            namespace=self.engine.namespace,
            task_queue=TaskQueue(name="tetsuzuki"),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            described = await self.engine.workflow_service.describe_task_queue(asked)
        except RPCError:
            return False
        return any(poller.identity.startswith(f"{self.product.pids()[WORKER]}@") for poller in described.pollers)

    async def _answers(self) -> bool:
        try:
            ready = (await self.client.get("/readyz")).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False
        return ready and await self._worker_polls()


@asynccontextmanager
async def site(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None, detours: Detours | None = None
) -> AsyncIterator[Site]:
    """Starts it all, and ends it all. `options`, `environment`: of `tetsuzuki up`. `detours`: open, in between."""
    sink = MailSink(detours.targets[MAIL] if detours else free_port())
    await sink.come_up()
    mail_port = detours.by[MAIL].port if detours else sink.port
    mail_options = ("--smtp-host", "127.0.0.1", "--smtp-port", str(mail_port))
    product = Product(
        folder, "--api-port", str(free_port()), *mail_options, *options, environment=_WIDE | dict(environment or {})
    )
    if detours:
        product.launcher = detours.launcher
        detours.settle(product.data_dir)
    try:
        ready = await asyncio.to_thread(product.start)
        prepared = await _prepared(product, sink, ready)
        yield prepared
        await prepared.client.close()
    finally:
        await asyncio.to_thread(product.stop)
        await sink.go_down()


async def _prepared(product: Product, sink: MailSink, ready: dict[str, Any]) -> Site:
    [secrets_file] = product.data_dir.rglob("secrets.json")
    secrets = json.loads(secrets_file.read_text())
    passwords = secrets["postgres"]
    app = f"app:{passwords['app']}"
    await asyncio.to_thread(gates.install, ready["database_url"].replace(app, f"owner:{passwords['owner']}"))
    cipher = Cipher.from_base64(secrets["payload_keys"], current=secrets["payload_key_id"])
    staff = await _sign_in(ready["database_url"])
    client = Client(ready["api_url"], staff)
    invitation = (await client.get(f"/v1/tenants/{TENANT}/invitation")).json()["url"]
    return Site(
        product=product,
        sink=sink,
        client=client,
        engine=await connect(ready["temporal_address"], "default", cipher),
        engine_lists=ready["temporal_ui_url"] is not None,
        staff=staff,
        operator={"Authorization": f"Bearer {ready['operator_key']}"},
        database_url=ready["database_url"],
        api_url=ready["api_url"],
        invitation=invitation.rsplit("/", 1)[1],
        untouched_before=await _checksum(ready["database_url"]),
        superuser_url=ready["database_url"].replace(app, f"postgres:{passwords['superuser']}"),
        cipher=cipher,
    )


async def _sign_in(database_url: str) -> dict[str, str]:
    """Two tenants with a staff member each; the headers of the first one's."""
    database = Database(database_url, pool_size=1)
    now = datetime.now(UTC)
    tokens = [await _staffed_tenant(database, tenant_id, now) for tenant_id in (TENANT, UNTOUCHED)]
    await database.close()
    return {"Authorization": f"Bearer {tokens[0]}"}


async def _staffed_tenant(database: Database, tenant_id: str, now: datetime) -> str:
    await make_tenant(database, tenant_id, now)
    person_id, token = Draw().opaque_id(), secret_token()
    person = {"person_id": person_id, "mail_address": _address_of_staff(tenant_id), "created_at": now}
    session = {"token_digest": digest(token), "person_id": person_id, "created_at": now}
    async with database.transaction(tenant_id) as connection:
        await connection.execute(insert(Person).values(person))
        await connection.execute(insert(StaffMember).values(**_member(tenant_id, now), person_id=person_id))
        await connection.execute(insert(Session).values(**session, expires_at=now + timedelta(days=3650)))
    return token


def _address_of_staff(tenant_id: str) -> str:
    return f"staff@{tenant_id.lower()}.example"


def _member(tenant_id: str, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "mail_address": _address_of_staff(tenant_id),
        "signup_state": SignupState.REGISTERED,
        "created_at": now,
    }


async def open_tenant(site: Site, tenant_id: str, *, notified: str, country: str) -> None:
    """One more tenant of the staff member's. `notified`: its notification address."""
    database = Database(site.database_url, pool_size=1)
    now = datetime.now(UTC)
    await make_tenant(database, tenant_id, now)
    async with database.transaction(tenant_id) as connection:
        await connection.execute(update(Tenant).where(Tenant.tenant_id == tenant_id).values(country=country))
        await connection.execute(
            update(NotificationAddress).where(NotificationAddress.tenant_id == tenant_id).values(mail_address=notified)
        )
        known = select(Person.person_id).where(Person.mail_address == _address_of_staff(TENANT)).scalar_subquery()
        await connection.execute(insert(StaffMember).values(**_member(tenant_id, now), person_id=known))
    await database.close()


async def _checksum(database_url: str) -> str:
    async with await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row) as connection:
        await connection.execute("SELECT set_config('app.tenant', %s, true)", (UNTOUCHED,))
        tables = await connection.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY table_name"
        )
        digests = hashlib.sha256()
        for table in await tables.fetchall():
            rows = await connection.execute(
                psycopg.sql.SQL("SELECT t::text AS row FROM {} t ORDER BY 1").format(
                    psycopg.sql.Identifier(table["table_name"])
                )
            )
            for row in await rows.fetchall():
                digests.update(row["row"].encode())
        return digests.hexdigest()
