"""Procedures on the real engine: Temporal's test server with a world clock, Postgres and SMTP, one of each a test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import insert, select
from temporalio.client import Client

from activities.smtp import SmtpCourier, SmtpServer
from local.processes import free_port
from local.rehearsal_server import RehearsalServer
from models.database import Database
from models.encryption import Cipher
from models.tables.procedures import AuditEntry, Procedure
from models.tables.tenants import NotificationAddress, Tenant
from settings import Settings
from tests.mail_server import MailServer
from worker import make_worker
from workflows.client import connect
from workflows.world_clock import WorldClock

TENANT = "T8000000"
NOTIFIED = "desk@partner.example"
T = TypeVar("T")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer(free_port())
    controller = server.controller()
    controller.start()
    yield server
    controller.stop()


@pytest.fixture
def rehearsal_server(tmp_path: Path) -> Iterator[RehearsalServer]:
    server = RehearsalServer(port=free_port(), log=tmp_path / "temporal.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings() -> Settings:
    return Settings(
        operator_key="operator-key-of-tests",
        link_key="link-key-of-tests",
        payload_keys={"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
        payload_key_id="k1",
        rehearsal=True,
    )


@dataclass
class World:
    """The engine under test, as a test speaks of it."""

    client: Client
    clock: WorldClock
    database: Database
    mails: MailServer
    task_queue: str

    async def advance(self, **by: float) -> None:
        await self.clock.advance(await self.clock.now() + timedelta(**by))

    async def advance_to(self, instant: datetime) -> None:
        await self.clock.advance(instant)

    async def timeline(self, procedure_id: str) -> list[str]:
        async with self.database.transaction(TENANT) as connection:
            rows = await connection.execute(
                select(AuditEntry.what).where(AuditEntry.procedure_id == procedure_id).order_by(AuditEntry.entry_id)
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


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, patience: float = 10) -> None:
    """Wait until the condition holds; fail after `patience` seconds."""
    async with asyncio.timeout(patience):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def world(
    rehearsal_server: RehearsalServer, database: Database, mail_server: MailServer, settings: Settings
) -> AsyncIterator[World]:
    keys = {key_id: key.get_secret_value() for key_id, key in settings.payload_keys.items()}
    cipher = Cipher.from_base64(keys, current=settings.payload_key_id)
    client = await connect(rehearsal_server.address, "default", cipher)
    clock = WorldClock(client)
    courier = SmtpCourier(SmtpServer(host="127.0.0.1", port=mail_server.port, sender="no-reply@tetsuzuki.example"))
    await _make_tenant(database, await clock.now())
    async with make_worker(settings, client, database=database, clock=clock, courier=courier):
        yield World(client, clock, database, mail_server, settings.temporal_task_queue)
    await courier.close()


async def _make_tenant(database: Database, now: datetime) -> None:
    async with database.transaction(TENANT) as connection:
        await connection.execute(
            insert(Tenant).values(
                tenant_id=TENANT,
                name="みなとセキュリティ",
                time_zone="Asia/Tokyo",
                language="ja",
                sender_name="みなとセキュリティ",
                state="active",
                created_at=now,
            )
        )
        await connection.execute(insert(NotificationAddress).values(tenant_id=TENANT, slot=0, mail_address=NOTIFIED))
