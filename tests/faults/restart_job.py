"""A restart as its people and its device live it: scheduled, replaced by a slot that is near, and carried out there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from local.simulated_utm import Habits, SimulatedUtm, fleet
from local.utm_memory import Deed, Memory
from models.identifiers import Draw, digest, secret_token
from tests.faults.client import Operation
from tests.faults.clocks import Places
from tests.faults.gathering import Connection
from tests.faults.job import Job, Step
from tests.faults.site import Site, open_tenant
from tests.world import eventually

STEPS = ("schedule", "replace")
SETTINGS = {
    f"TETSUZUKI_RATE_LIMITS__{name}": "1000000/minute"
    for name in ("HEARTBEAT_PER_DEVICE", "POLL_PER_DEVICE", "RESULT_PER_DEVICE")
}
_HABITS = Habits(heartbeat_every=20, wait=20, restart=0.5)
_FAR = timedelta(hours=1)
_PATIENCE = 90  # seconds from the last fault
_CUSTOMER: LiteralString = (
    "INSERT INTO customers (tenant_id, customer_id, company_name, last_name, first_name, mail_address, postal_code,"
    " prefecture, address, phone_number, status, account_state, created_at)"
    " VALUES (%s, %s, 'x', 'x', 'x', 'x@x.example', 'x', 'x', 'x', '0', 'active', 'free', now())"
)
_UTM: LiteralString = (
    "INSERT INTO utms (tenant_id, registration_id, utm_id, customer_id, name, serial_number, postal_code, address,"
    " delivery_status, customer_addresses, token_digest, created_at)"
    " VALUES (%s, %s, %s, %s, 'x', 'x', 'x', 'x', 'x', %s, %s, now())"
)
_MOVE: LiteralString = "UPDATE tenants SET time_zone = %s WHERE tenant_id = %s"
_STATES: LiteralString = "SELECT utm_id, state, at, restart_id FROM restarts ORDER BY requested_at"


class Deeds(Memory):
    """What the devices have done: the fifth ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.restarts: list[tuple[str, str]] = []
        """The device and the command, each time it was carried out."""

    def note(self, device: str, command_id: str, deed: Deed) -> None:
        if deed is Deed.RESTARTED:
            self.restarts.append((device, command_id))
        super().note(device, command_id, deed)

    def of(self, device: str) -> list[str]:
        return [command_id for whose, command_id in self.restarts if whose == device]


class Yard:
    """What all restarts of a lane have in common: places whose slots are near, and the devices, which never die."""

    def __init__(self, site: Site, places: Places) -> None:
        self.deeds = Deeds()
        self._site = site
        self._places = places
        self._devices = AsyncExitStack()
        self._tenants = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._devices.aclose()

    async def open(self, count: int = 1) -> tuple[str, list[str]]:
        """A tenant with so many devices, all switched on. Returns its id and theirs."""
        self._tenants += 1
        number = self._tenants
        tenant_id = f"T{8_200_000 + number}"
        await open_tenant(self._site, tenant_id, notified=f"staff@{tenant_id.lower()}.example", country="JP")
        tokens = [(f"{number:08x}{n:04x}", f"tzd_{tenant_id}_{secret_token()}") for n in range(count)]
        async with self.rows_of(tenant_id) as connection:
            await connection.execute(_CUSTOMER, (tenant_id, _customer_of(tenant_id)))
            for utm_id, token in tokens:
                row = (
                    tenant_id,
                    Draw().opaque_id(),
                    utm_id,
                    _customer_of(tenant_id),
                    Jsonb([contact(utm_id)]),
                    digest(token),
                )
                await connection.execute(_UTM, row)
        devices = await self._devices.enter_async_context(fleet(self._site.api_url, tokens, _HABITS, self.deeds))
        await self._devices.enter_async_context(_alive(devices))
        return tenant_id, [utm_id for utm_id, _ in tokens]

    async def move(self, tenant_id: str, name: str, slot: datetime) -> None:
        """Where it is a full quarter of an hour then."""
        self._places.with_slot(name, slot)

        async def moved() -> bool:
            try:
                async with self.rows_of(tenant_id) as connection:
                    await connection.execute(_MOVE, (name, tenant_id))
            except psycopg.OperationalError:
                return False
            return True

        await eventually(moved, patience=_PATIENCE)

    async def restarts(self, tenant_id: str) -> list[dict[str, Any]]:
        """Nothing while the database is away."""
        try:
            async with self.rows_of(tenant_id) as connection:
                return await (await connection.execute(_STATES)).fetchall()
        except psycopg.OperationalError:
            return []

    @asynccontextmanager
    async def rows_of(self, tenant_id: str) -> AsyncIterator[Connection]:
        async with await psycopg.AsyncConnection.connect(self._site.database_url, row_factory=dict_row) as connection:
            await connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant_id,))
            yield connection


@asynccontextmanager
async def _alive(devices: list[SimulatedUtm]) -> AsyncIterator[None]:
    lives = [asyncio.create_task(device.live()) for device in devices]
    try:
        yield
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


class RestartJob(Job):
    """One device in a tenant of its own. `slot_in`: seconds from its replacement until the slot."""

    def __init__(self, site: Site, name: str, yard: Yard, *, slot_in: float) -> None:
        super().__init__(site, name, steps=STEPS)
        self.tenant_id = self.utm_id = ""
        self.far = self.near = datetime.max.replace(tzinfo=UTC)
        self._yard = yard
        self._slot_in = slot_in

    @property
    def addresses(self) -> dict[str, str]:
        return {"contact": contact(self.utm_id)}

    def acts(self) -> dict[str, Step]:
        return {"schedule": self._schedule, "replace": self._replace}

    def needs(self) -> dict[str, Callable[[], Awaitable[object]]]:
        return {"schedule": self._open}

    async def finish(self) -> None:
        """Until it is over, one way or another; how is for the ledgers to say."""
        await super().finish()

        async def is_over() -> bool:
            states = [restart["state"] for restart in await self._yard.restarts(self.tenant_id)]
            return bool(states) and not {*states} & {"scheduled", "requested", "in_progress"}

        with suppress(TimeoutError):
            await eventually(is_over, patience=_PATIENCE)

    async def _open(self) -> None:
        if not self.tenant_id:
            self.tenant_id, [self.utm_id] = await self._yard.open()

    async def _schedule(self) -> Operation:
        self.far = in_seconds(_FAR.total_seconds())
        return await self._ask("schedule", self.far)

    async def _replace(self) -> Operation:
        self.near = in_seconds(self._slot_in)
        return await self._ask("replace", self.near)

    async def _ask(self, act: str, slot: datetime) -> Operation:
        await self._yard.move(self.tenant_id, f"Place/{self.name}-{act}", slot)
        return await self._client.post(
            self.name, act, restart_path(self.tenant_id, self.utm_id), {"when": slot.isoformat()}
        )


def restart_path(tenant_id: str, utm_id: str) -> str:
    return f"/v1/tenants/{tenant_id}/customers/{_customer_of(tenant_id)}/utms/{utm_id}/restart"


def _customer_of(tenant_id: str) -> str:
    return f"A0{tenant_id[1:]}"


def contact(utm_id: str) -> str:
    return f"{utm_id}@customer.example"


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
