"""A decision sent while a part is away, once: answered 503 in good time, and not made when the part is back."""

import os
import signal
import time
from dataclasses import dataclass, field

from tests.faults.evidence import Expected
from tests.faults.main_job import MainJob, expected_of
from tests.faults.site import TENANT, WORKER, Site

AWAY = (WORKER, "Temporal", "Postgres")
_AT_LONGEST = 12.0  # seconds until the 503: five for the procedure, or what Temporal's client takes to give up


@dataclass
class Unheard:
    """Each application is decided otherwise, and better, afterwards."""

    site: Site
    expected: list[Expected] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """By the part that was away: the status, and the seconds until it."""
    wrong: list[str] = field(default_factory=list)

    async def run(self) -> None:
        for part in AWAY:
            job = MainJob(self.site, f"unheard-{part.split(' ', maxsplit=1)[0].lower()}", steps=("apply", "confirm"))
            self.expected.append(expected_of(job, also=("deny",), decision=("denied",)))
            await job.finish()
            path = f"/v1/tenants/{TENANT}/applications/{job.number}"
            await self._approve_without(part, job.name, f"{path}/approve")
            await self.site.client.post(job.name, "deny", f"{path}/deny", {})

    async def _approve_without(self, part: str, name: str, path: str) -> None:
        supervisor = self.site.product.process.pid
        os.kill(supervisor, signal.SIGSTOP)  # or it would start the part again at once
        killed = self.site.kill(part)
        began = time.monotonic()
        operation = await self.site.client.post(name, "approve", path, {}, repeats=False)
        seconds = time.monotonic() - began
        os.kill(supervisor, signal.SIGCONT)
        await self.site.comes_back(part, killed)
        self.answers[part] = f"{operation.status} after {seconds:.1f} s"
        if operation.status != 503 or seconds > _AT_LONGEST:
            self.wrong.append(f"without {part} a decision was answered {self.answers[part]}")
