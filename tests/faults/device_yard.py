"""Tenants with devices that are switched on, for the jobs of a lane: simulated UTMs, which outlive all kills."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import LiteralString, Self

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from local.simulated_utm import Habits, SimulatedUtm, fleet
from local.utm_memory import Deed, Memory
from models.identifiers import Draw, digest, secret_token
from tests.faults.gathering import Connection
from tests.faults.site import Site, open_tenant

SETTINGS = {
    f"TETSUZUKI_RATE_LIMITS__{name}": "1000000/minute"
    for name in ("HEARTBEAT_PER_DEVICE", "POLL_PER_DEVICE", "RESULT_PER_DEVICE")
}
_HABITS = Habits(heartbeat_every=20, wait=20, restart=0.5)
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


class Deeds(Memory):
    """What the devices have done: the fifth ledger."""

    def __init__(self) -> None:
        super().__init__()
        self._commands: dict[tuple[str, Deed], list[str]] = defaultdict(list)

    def note(self, device: str, command_id: str, deed: Deed) -> None:
        self._commands[device, deed].append(command_id)
        super().note(device, command_id, deed)

    def of(self, device: str, deed: Deed) -> list[str]:
        """The commands by which the device has done it, each time that it was done."""
        return self._commands[device, deed]


class DeviceYard:
    """What all jobs of a lane have in common. `series`: the first digits of its tenants' numbers."""

    def __init__(self, site: Site, *, series: int) -> None:
        self.deeds = Deeds()
        self._site = site
        self._series = series
        self._devices = AsyncExitStack()
        self._tenants = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._devices.aclose()

    async def open(self, count: int = 1) -> tuple[str, list[str]]:
        """A tenant with one customer and so many devices, all switched on. Returns its id and theirs."""
        self._tenants += 1
        number = self._tenants
        tenant_id = f"T{self._series}{number:05}"
        await open_tenant(self._site, tenant_id, notified=f"staff@{tenant_id.lower()}.example", country="JP")
        tokens = [(f"{number:08x}{n:04x}", f"tzd_{tenant_id}_{secret_token()}") for n in range(count)]
        async with self.rows_of(tenant_id) as connection:
            await connection.execute(_CUSTOMER, (tenant_id, customer_of(tenant_id)))
            for utm_id, token in tokens:
                row = (
                    tenant_id,
                    Draw().opaque_id(),
                    utm_id,
                    customer_of(tenant_id),
                    Jsonb([contact(utm_id)]),
                    digest(token),
                )
                await connection.execute(_UTM, row)
        devices = await self._devices.enter_async_context(fleet(self._site.api_url, tokens, _HABITS, self.deeds))
        await self._devices.enter_async_context(_alive(devices))
        return tenant_id, [utm_id for utm_id, _ in tokens]

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


def customer_of(tenant_id: str) -> str:
    return f"A0{tenant_id[1:]}"


def contact(utm_id: str) -> str:
    return f"{utm_id}@customer.example"
