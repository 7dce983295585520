"""A decision sent while no worker is there: what was answered with 503 is not done when one comes back."""

import os
import signal
from dataclasses import dataclass

from tests.faults.evidence import Expected
from tests.faults.job import Job
from tests.faults.site import TENANT, WORKER, Site


@dataclass
class Unheard:
    """`expected`: the application that is decided otherwise afterwards."""

    site: Site
    expected: Expected
    answered: int | None

    @classmethod
    async def run(cls, site: Site) -> "Unheard":
        job = Job(site, "unheard", steps=("apply", "confirm"))
        await job.finish()
        answered = await _without_worker(site, f"/v1/tenants/{TENANT}/applications/{job.number}/approve")
        path = f"/v1/tenants/{TENANT}/applications/{job.number}/deny"
        await site.client.post(job.name, "deny", path, {})
        acts = (*job.steps, "deny")
        expected = Expected(job.name, job.applicant, job.registers, job.lingers, acts, decision=("denied",))
        return cls(site, expected, answered)


async def _without_worker(site: Site, path: str) -> int | None:
    """The status that a single try gets, without a second one."""
    supervisor = site.product.process.pid
    os.kill(supervisor, signal.SIGSTOP)  # or it would start the worker again at once
    killed = site.kill(WORKER)
    operation = await site.client.post("unheard", "approve", path, {}, repeats=False)
    os.kill(supervisor, signal.SIGCONT)
    await site.comes_back(WORKER, killed)
    return operation.status
