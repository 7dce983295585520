"""A database or an engine that has fallen silent: whoever asks for something then is told in good time."""

import asyncio
import time
from dataclasses import dataclass, field

import httpx2

from models.identifiers import Draw
from tests.faults.detours import POSTGRES, TEMPORAL, Detours
from tests.faults.evidence import Expected
from tests.faults.main_job import MainJob, expected_of
from tests.faults.network import BLACKHOLE, HALF_OPEN
from tests.faults.site import TENANT, Site

_AT_LONGEST = 12.0  # seconds, as when a part is away
_IDLE = 2.0  # seconds: so long unused, a connection is asked before it is trusted
_AT_ONCE = 3
_FINAL = {httpx2.codes.OK, httpx2.codes.CONFLICT, httpx2.codes.SERVICE_UNAVAILABLE}


@dataclass
class Silence:
    """Requests to put one application on hold, of which one can be granted; it is denied in the end."""

    site: Site
    detours: Detours
    expected: list[Expected] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """The statuses, and the seconds until the last of them, by server and fault."""
    wrong: list[str] = field(default_factory=list)

    async def run(self) -> None:
        job = MainJob(self.site, "silence", steps=("apply", "confirm"))
        self.expected.append(expected_of(job, also=("deny",), decision=("denied",)))
        await job.finish()
        path = f"/v1/tenants/{TENANT}/applications/{job.number}"
        for server in (POSTGRES, TEMPORAL):
            for fault in (BLACKHOLE, HALF_OPEN):
                await asyncio.sleep(_IDLE)
                fault.begin(self.detours.by[server])
                await self._ask(f"{server}, {fault.name}", f"{path}/hold")
                await self.detours.by[server].lift()
                await self.site.answers()
        await self.site.client.post(job.name, "deny", f"{path}/deny", {})

    async def _ask(self, name: str, path: str) -> None:
        began = time.monotonic()
        async with httpx2.AsyncClient(base_url=self.site.api_url, headers=self.site.staff, timeout=60) as staff:
            asked = [
                staff.post(path, json={}, headers={"Idempotency-Key": Draw().opaque_id()}) for _ in range(_AT_ONCE)
            ]
            statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
        seconds = time.monotonic() - began
        self.answers[name] = f"{statuses} within {seconds:.1f} s"
        if seconds > _AT_LONGEST or not set(statuses) <= _FINAL:
            self.wrong.append(f"{name}: {self.answers[name]}")
