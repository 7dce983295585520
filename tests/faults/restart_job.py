"""A restart as its people and its device live it: scheduled, replaced by a slot that is near, and carried out there."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from local.utm_memory import Deed
from tests.faults.client import Operation
from tests.faults.clocks import Places
from tests.faults.device_yard import DeviceYard, contact, customer_of
from tests.faults.job import Job, Step
from tests.faults.site import Site
from tests.world import eventually

STEPS = ("schedule", "replace")
_FAR = timedelta(hours=1)
_PATIENCE = 90  # seconds from the last fault
_MOVE: LiteralString = "UPDATE tenants SET time_zone = %s WHERE tenant_id = %s"
_STATES: LiteralString = "SELECT utm_id, state, at, restart_id FROM restarts ORDER BY requested_at"


class Yard(DeviceYard):
    """Places whose slots are near."""

    def __init__(self, site: Site, places: Places) -> None:
        super().__init__(site, series=82)
        self._places = places

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

    def performed(self, utm_id: str) -> list[str]:
        """The commands by which the device has restarted."""
        return self.deeds.of(utm_id, Deed.RESTARTED)


class RestartJob(Job):
    """One device in a tenant of its own. `slot_in`: seconds from its replacement until the slot."""

    def __init__(self, site: Site, name: str, yard: Yard, *, slot_in: float) -> None:
        super().__init__(site, name, steps=STEPS)
        self.tenant_id = self.utm_id = ""
        self.far = self.near = datetime.max.replace(tzinfo=UTC)
        self._yard = yard
        self.slot_in = slot_in

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
        self.near = in_seconds(self.slot_in)
        return await self._ask("replace", self.near)

    async def _ask(self, act: str, slot: datetime) -> Operation:
        await self._yard.move(self.tenant_id, f"Place/{self.name}-{act}", slot)
        return await self._client.post(
            self.name, act, restart_path(self.tenant_id, self.utm_id), {"when": slot.isoformat()}
        )


def restart_path(tenant_id: str, utm_id: str) -> str:
    return f"/v1/tenants/{tenant_id}/customers/{customer_of(tenant_id)}/utms/{utm_id}/restart"


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
