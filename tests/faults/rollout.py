"""New code while jobs are under way: brought in step by step, and a version that does not fit, taken back."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

from tests.faults.casts import Cast
from tests.faults.job import Job
from tests.faults.report import Findings
from tests.faults.site import Site
from tests.faults.versions import DOCTOR, REPLAY, ROOT, Change, Operator, Version, copied
from tests.world import eventually
from workflows.search_attributes import CODE_FAILS

SEEN_WITHIN = 90  # seconds
_PATIENCE = 300  # seconds for one wish that comes while the wrong version is current
_PROCEDURE = "workflows/procedure.py"
PATCHED = Change(
    _PROCEDURE,
    "            await story()\n",
    """\
            if workflow.patched("a-moment-before"):
                await asyncio.sleep(0.01)
            await story()
            if workflow.patched("a-moment-after"):
                await asyncio.sleep(0.01)
""",
)
"""Every story gets a step before its first and one after its last: for those that come there from now on."""
INCOMPATIBLE = Change(
    _PROCEDURE,
    '''and end it in order also when an operator cuts it short."""
''',
    '''and end it in order also when an operator cuts it short."""
        await asyncio.sleep(0.02)
''',
)
"""The same with nothing that tells who has begun before."""
_TOLD = re.compile(r"^✗ (\S+)", re.MULTILINE)
_STAND_STILL = "stand still because their code fails"


class Rollout:
    """Of one kind of job, on a site whose own worker has no build id."""

    def __init__(self, site: Site, cast: Cast[Any], operator: Operator, *, folder: Path, findings: Findings) -> None:
        self._site = site
        self._cast = cast
        self._operator = operator
        self._folder = folder
        self._findings = findings
        self._name = type(cast).__name__.removesuffix("Cast").lower()
        self._doctor = f"{DOCTOR} --data-dir {site.product.data_dir}"
        self._replay = f"{REPLAY} --data-dir {site.product.data_dir}"

    async def goes_well(self) -> Version:
        """From a worker without a version to 1.0, over half of the procedures to 2.0, then to 2.0 with all of them."""
        resting, moving = await self._under_way("rests"), await self._under_way("moves")
        first = self._operator.start("1.0", ROOT)
        await self._operator.make_current(first)
        second = self._operator.start("2.0", copied(self._folder / "2.0", [PATCHED]))
        self._expect("2.0 before it is current", (await second.ask(self._replay)).code == 0)
        await self._operator.ramp(second, 50)
        finishing = [asyncio.create_task(job.finish()) for job, _ in resting]
        for job, step in moving:
            job.begin(step)
        await self._operator.make_current(second)
        await asyncio.to_thread(first.stop)
        await asyncio.gather(*finishing, *(job.finish() for job, _ in moving))
        found = await self._cast.violations()
        self._findings.wrong += [str(violation) for violation in found]
        self._findings.facts.append(
            f"{self._name}: {len(resting)} jobs at rest and {len(moving)} in the middle of a step, from no version over"
            f" 1.0 to 2.0: {len(found)} violations, no workflow task failed"
        )
        return second

    async def is_taken_back(self, good: Version) -> None:
        """3.0 takes another way than what has begun: seen, taken back, and what 3.0 itself began is left with it."""
        self._site.client.patience = _PATIENCE
        before = await self._under_way("stops")
        bad = self._operator.start("3.0", copied(self._folder / "3.0", [PATCHED, INCOMPATIBLE]))
        foretold = await bad.ask(self._replay)
        self._expect("3.0 was not foretold to fail", foretold.code == 1)
        await self._operator.make_current(bad)
        began = time.monotonic()
        jobs: list[Job] = [*(job for job, _ in before), self._cast.job("begins")]
        for job in jobs:
            self._cast.brace(job)
        finishing = [asyncio.create_task(job.finish()) for job in jobs]
        seen_after = await self._seen(bad, began)
        await self._operator.make_current(good)
        taken_back = time.monotonic() - began
        left = _TOLD.findall((await good.ask(self._replay)).text)
        for workflow_id in left:
            await self._operator.leave_with(bad, workflow_id)
        await asyncio.gather(*finishing)
        found = [violation for violation in await self._cast.violations() if violation.rule != "tasks"]
        self._findings.wrong += [str(violation) for violation in found]
        self._findings.facts.append(
            f"{self._name}: 3.0 does not fit; {len(_TOLD.findall(foretold.text))} procedures foretold to stand still,"
            f" {seen_after}, taken back after {taken_back:.0f} s; {len(left)} begun by 3.0 left with it;"
            f" {len(jobs)} jobs, {len(found)} violations"
        )

    async def _under_way(self, name: str) -> list[tuple[Job, str]]:
        """A job before each of the steps, which nothing but its people holds up."""
        jobs = [self._cast.job(f"{self._name}-{name}-{number}") for number in range(self._cast.size)]
        standing = [(job, self._cast.step_of(number, job)) for number, job in enumerate(jobs)]
        await asyncio.gather(*(job.ready_for(step) for job, step in standing))
        return standing

    async def _seen(self, bad: Version, began: float) -> str:
        """When the worker's own measurements, Temporal's list and the doctor have told."""
        after: dict[str, float] = {}

        async def all_tell() -> bool:
            if "metric" not in after and await bad.has_failed():
                after["metric"] = time.monotonic() - began
            if (await self._site.engine.count_workflows(CODE_FAILS)).count:
                after["search"] = time.monotonic() - began
            return "search" in after

        try:
            await eventually(all_tell, patience=SEEN_WITHIN)
        except TimeoutError:
            self._findings.wrong.append(f"{self._name}: nobody saw within {SEEN_WITHIN} s that 3.0 does not fit")
        told = await bad.ask(self._doctor)
        self._expect(f"the doctor did not see it: {told.text}", told.code == 1 and _STAND_STILL in told.text)
        return ", ".join(f"seen by {where} after {seconds:.0f} s" for where, seconds in after.items())

    def _expect(self, otherwise: str, as_it_should: bool) -> None:  # noqa: FBT001 - reads as a sentence
        if not as_it_should:
            self._findings.wrong.append(f"{self._name}: {otherwise}")
