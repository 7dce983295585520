"""A schedule taken back at the instant of its slot: either nobody restarts, or the cancellation is refused (RST-04)."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

import httpx2

from tests.faults.restart_job import Yard, in_seconds, restart_path
from tests.faults.site import Site
from tests.world import eventually

_SCHEDULED_PER_SECOND = 5  # on a busy machine
_AT_ONCE = 10
_SPREAD = 3.0  # seconds around the slot, over which the cancellations go out
_PATIENCE = 120
_STATUS = {"cancelled": HTTPStatus.OK, "succeeded": HTTPStatus.CONFLICT}
_OPEN = {"scheduled", "requested", "in_progress"}


@dataclass
class SlotRaces:
    site: Site
    yard: Yard
    won: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """How many cancellations were answered with each status; None: taken (202), and decided later."""
    wrong: list[str] = field(default_factory=list)

    async def run(self, count: int) -> None:
        tenant_id, utm_ids = await self.yard.open(count)
        slot = in_seconds(10 + count / _SCHEDULED_PER_SECOND)
        await self.yard.move(tenant_id, "Place/Races", slot)
        async with httpx2.AsyncClient(base_url=self.site.api_url, headers=self.site.staff, timeout=60) as client:
            turn = asyncio.Semaphore(_AT_ONCE)

            async def schedule(utm_id: str) -> None:
                async with turn:
                    path = restart_path(tenant_id, utm_id)
                    (await client.post(path, json={"when": slot.isoformat()})).raise_for_status()

            await asyncio.gather(*map(schedule, utm_ids))
            assert datetime.now(UTC) < slot, "the machine is too busy to schedule them in time"

            async def cancel(number: int, utm_id: str) -> int | None:
                sent_at = slot.timestamp() + _SPREAD * (number / count - 0.6)
                await asyncio.sleep(sent_at - datetime.now(UTC).timestamp())
                return await _final(client, restart_path(tenant_id, utm_id))

            answers = await asyncio.gather(*(cancel(number, utm_id) for number, utm_id in enumerate(utm_ids)))
        await eventually(lambda: self._is_over(tenant_id), patience=_PATIENCE)
        states = {row["utm_id"]: row["state"] for row in await self.yard.restarts(tenant_id)}
        for utm_id, status in zip(utm_ids, answers, strict=True):
            self._judge(utm_id, status, states[utm_id])

    async def _is_over(self, tenant_id: str) -> bool:
        return not _OPEN & {row["state"] for row in await self.yard.restarts(tenant_id)}

    def _judge(self, utm_id: str, status: int | None, state: str) -> None:
        performed = len(self.yard.performed(utm_id))
        self.won["the cancellation" if state == "cancelled" else "the slot"] += 1
        refused = {HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE}  # the latter: nobody has heard of it
        outcomes = {(HTTPStatus.OK, "cancelled", 0), *((status, "succeeded", 1) for status in refused)}
        self.answers[str(status)] += 1
        if (status or _STATUS.get(state), state, performed) not in outcomes:
            self.wrong.append(f"{utm_id}: answered {status}, {state}, restarted {performed} times")


async def _final(client: httpx2.AsyncClient, path: str) -> int | None:
    """None: it was taken and answered later (202), so that only the row can tell what came of it."""
    status = (await client.delete(path)).status_code
    return None if status == HTTPStatus.ACCEPTED else status
