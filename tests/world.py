"""The product on real parts: Temporal's test server with its world clock, Postgres, SMTP, a worker and the API.

Each test has all of them for itself.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import insert, select
from temporalio.client import Client
from temporalio.runtime import Runtime

from api.app import create_app
from api.commands import Commands
from api.context import Context
from local.processes import free_port
from local.rehearsal_server import RehearsalServer
from models.clock import Clock
from models.database import Database
from models.durations import Durations
from models.encryption import Cipher
from models.identifiers import Draw, digest, secret_token
from models.links import LinkKey
from models.tables.people import Person, Session, StaffMember
from models.tables.procedures import AuditEntry, Procedure
from models.tables.tenants import NotificationAddress, Tenant
from models.vocabulary import SignupState
from settings import Settings
from tests.mail_server import MailServer
from tests.replay.recorder import FOLDER, Recorder
from worker import make_courier, make_worker
from workflows.client import connect
from workflows.world_clock import WorldClock, clock_of

TENANT = "T8000000"
NOTIFIED = "desk@partner.example"
PATIENCE = float(os.environ.get("TETSUZUKI_PATIENCE", "10"))  # seconds; fault runs have more
T = TypeVar("T")
Employ = Callable[[Settings, Client, Database], AbstractAsyncContextManager[Client]]
"""Has somebody do a world's work until the end of the block; gives the client that the world itself goes by."""


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer(free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rehearsal_server(tmp_path: Path) -> Iterator[RehearsalServer]:
    server = RehearsalServer(port=free_port(), log=tmp_path / "temporal.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings() -> Settings:
    return settings_of_tests()


def settings_of_tests() -> Settings:
    """Also those that the kept histories were recorded with."""
    return Settings(
        operator_key="operator-key-of-tests",
        link_key="link-key-of-tests",
        payload_keys={"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
        payload_key_id="k1",
        session_keys={"s1": "cmVtb3RlLXN1cHBvcnQta2V5LW9mLXRoZS10ZXN0czE="},
        session_key_id="s1",
        rehearsal=True,
        worker_strict_sandbox=True,
        durations=Durations(synchronous_answer=timedelta(seconds=10)),  # the tests' machine may be busy
    )


@pytest.fixture
def runtime() -> Runtime | None:
    """The Temporal SDK's own choice, without metrics."""
    return None


@pytest.fixture
def employ() -> Employ:
    """Who does the work: a worker in the test's own process, where a fault run has no other one."""
    return in_this_process


@dataclass
class World:
    """The engine under test, as a test speaks of it."""

    client: Client
    clock: Clock
    database: Database
    mails: MailServer
    task_queue: str
    cipher: Cipher

    async def advance(self, **by: float) -> None:
        await self.advance_to(await self.clock.now() + timedelta(**by))

    async def advance_to(self, instant: datetime) -> None:
        assert isinstance(self.clock, WorldClock), "this world runs on real time"
        await self.clock.advance(instant)

    async def timeline(self, procedure_id: str) -> list[str]:
        """What happened, in order, but for its mails, which come when they come."""
        async with self.database.transaction(TENANT) as connection:
            rows = await connection.execute(
                select(AuditEntry.what)
                .where(AuditEntry.procedure_id == procedure_id, ~AuditEntry.what.startswith("mail_"))
                .order_by(AuditEntry.entry_id)
            )
            return list(rows.scalars())

    async def standing(self, procedure_id: str) -> tuple[str, str | None, list[dict[str, str]]]:
        async with self.database.transaction(TENANT) as connection:
            row = (
                await connection.execute(
                    select(Procedure.state, Procedure.waiting_for, Procedure.next).where(
                        Procedure.procedure_id == procedure_id
                    )
                )
            ).one()
            return row.state, row.waiting_for, row.next

    async def mails_to(self, recipient: str, count: int) -> list[str]:
        """The subjects of what the recipient got, once there are `count` of them."""
        await eventually(lambda: len(self.mails.to(recipient)) >= count)
        return [mail.subject for mail in self.mails.to(recipient)]


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, patience: float = PATIENCE) -> None:
    """Wait until the condition holds; fail after `patience` seconds."""
    async with asyncio.timeout(patience):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
def context(world: World, settings: Settings) -> Context:
    """What the routes and pages share."""
    return Context(
        settings=settings,
        database=world.database,
        commands=Commands(world.client, world.task_queue, settings.durations.synchronous_answer),
        clock=world.clock,
        cipher=world.cipher,
        link_key=LinkKey(settings.link_key.get_secret_value().encode()),
    )


@pytest.fixture
async def api(context: Context) -> AsyncIterator[AsyncClient]:
    """The HTTP API, called in this process, as whoever the request says."""
    app = create_app(context)
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client,
    ):
        yield client


@pytest.fixture
async def staff(world: World) -> dict[str, str]:
    """Headers of a signed-in staff member of the tenant."""
    return await sign_in_staff(world, TENANT)


@pytest.fixture
def operator(settings: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.operator_key.get_secret_value()}"}


async def sign_in_staff(world: World, *tenant_ids: str) -> dict[str, str]:
    """A new person, staff of the tenants, with an open session."""
    now = await world.clock.now()
    person_id, token = Draw().opaque_id(), secret_token()
    address = f"{person_id}@partner.example"
    async with world.database.transaction() as connection:
        await connection.execute(insert(Person).values(person_id=person_id, mail_address=address, created_at=now))
        await connection.execute(
            insert(Session).values(
                token_digest=digest(token),
                person_id=person_id,
                created_at=now,
                expires_at=now + timedelta(days=3650),
            )
        )
    for tenant_id in tenant_ids:
        async with world.database.transaction(tenant_id) as connection:
            await connection.execute(
                insert(StaffMember).values(
                    tenant_id=tenant_id,
                    person_id=person_id,
                    mail_address=address,
                    signup_state=SignupState.REGISTERED,
                    created_at=now,
                )
            )
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def world(
    rehearsal_server: RehearsalServer,
    database: Database,
    mail_server: MailServer,
    settings: Settings,
    runtime: Runtime | None,
    employ: Employ,
) -> AsyncIterator[World]:
    async with running_world(
        rehearsal_server.address, database, mail_server, settings=settings, runtime=runtime, employ=employ
    ) as world:
        await make_tenant(database, TENANT, await world.clock.now())
        yield world


@contextlib.asynccontextmanager
async def in_this_process(settings: Settings, client: Client, database: Database) -> AsyncIterator[Client]:
    clock, courier = clock_of(client, rehearsal=settings.rehearsal), make_courier(settings)
    async with make_worker(settings, client, database=database, clock=clock, courier=courier):
        yield client
    await courier.close()


@contextlib.asynccontextmanager
async def running_world(
    temporal_address: str,
    database: Database,
    mail_server: MailServer,
    *,
    settings: Settings,
    runtime: Runtime | None = None,
    employ: Employ = in_this_process,
) -> AsyncIterator[World]:
    """A worker on those servers until the end of the block. Without rehearsal in the settings it runs on real time."""
    cipher = settings.payload_cipher()
    client = await connect(temporal_address, "default", cipher, runtime=runtime, pings=not settings.rehearsal)
    clock = clock_of(client, rehearsal=settings.rehearsal)
    recorder, folder = Recorder(), os.environ.get(FOLDER)
    client = recorder.watching(client) if folder else client
    smtp = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": mail_server.port})
    async with employ(settings.model_copy(update={"smtp": smtp}), client, database) as used:
        yield World(used, clock, database, mail_server, settings.temporal_task_queue, cipher)
        if folder:
            await recorder.keep(used, Path(folder))


async def make_tenant(database: Database, tenant_id: str, now: datetime) -> None:
    async with database.transaction(tenant_id) as connection:
        await connection.execute(
            insert(Tenant).values(
                tenant_id=tenant_id,
                name="みなとセキュリティ",
                time_zone="Asia/Tokyo",
                language="ja",
                sender_name="みなとセキュリティ",
                state="active",
                created_at=now,
            )
        )
        await connection.execute(insert(NotificationAddress).values(tenant_id=tenant_id, slot=0, mail_address=NOTIFIED))
