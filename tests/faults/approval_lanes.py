"""The lane of approvals by mail link: parts killed from the request to the end of what was allowed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.faults import approval_moments
from tests.faults.approval_evidence import ApprovalEvidence, gather_approvals
from tests.faults.approval_invariants import violations
from tests.faults.approval_job import (
    ENDED_BY_THE_DESK,
    ENDED_BY_TIME,
    SETTINGS,
    ApprovalJob,
    ApprovalYard,
    SupportJob,
    ViewerJob,
)
from tests.faults.gathering import become_quiet
from tests.faults.kills import Kills
from tests.faults.lanes import RESTLESS, counted, timed
from tests.faults.moments import Moment
from tests.faults.report import Findings
from tests.faults.site import EVERYTHING, PARTS, Site, site

Plan = Mapping[int, Sequence[str]]
"""What is killed at the moments of those numbers."""
_WHOLE_MOMENTS = (4, 7, 10, 13, 15, 17, 21)
EVERY_PART: Plan = {n: (*PARTS, EVERYTHING) if n in _WHOLE_MOMENTS else PARTS for n in range(1, 24)}
_RUNS_OUT_WITHIN = 90
"""Seconds from the request to the end of the shortest session."""
_APART = 7
"""Seconds between two ends, in which the part killed at the first one comes back."""


async def approval_kills(folder: Path, *, plan: Plan = EVERY_PART) -> Findings:
    """No approval is lost, nothing opens twice, no secret leaves its mails, whatever dies on the way."""
    findings = Findings("approvals killed")
    async with timed(findings), site(folder, environment=SETTINGS) as product, ApprovalYard(product) as yard:

        def kills(make: Callable[[Site, str], ApprovalJob], within: float = 30) -> Kills[ApprovalJob]:
            return Kills(product, make, arrives_within=within)

        support = kills(partial(SupportJob, yard=yard, steps=ENDED_BY_THE_DESK))
        timed_out = kills(partial(SupportJob, yard=yard, steps=ENDED_BY_TIME), _RUNS_OUT_WITHIN)
        viewers = kills(partial(ViewerJob, yard=yard))
        for striking, moments in ((support, approval_moments.SUPPORT), (viewers, approval_moments.VIEWER)):
            for moment, part in _planned(moments, plan):
                await striking.strike(moment, part)
        await _one_after_another(timed_out, _planned(approval_moments.TIME, plan))
        jobs = list[ApprovalJob]()
        for striking in (support, timed_out, viewers):
            await striking.finish()
            findings.injections += striking.injections
            jobs += striking.jobs
        if not await become_quiet(product, ApprovalEvidence, [job.tenant_id for job in jobs]):
            findings.wrong.append(RESTLESS)
        evidence = await gather_approvals(product, yard, jobs)
        findings.judge(evidence, violations(evidence))
        findings.facts += [counted(evidence), _searched(evidence)]
    return findings


def _planned(moments: Sequence[Moment], plan: Plan) -> list[tuple[Moment, str]]:
    return [(moment, part) for moment in moments for part in plan.get(moment.number, ())]


async def _one_after_another(striking: Kills[ApprovalJob], planned: Sequence[tuple[Moment, str]]) -> None:
    """All sessions run at the same time, and end one after another."""
    async with asyncio.TaskGroup() as tasks:
        for moment, part in planned:
            tasks.create_task(striking.strike(moment, part))
            await asyncio.sleep(_APART)


def _searched(evidence: ApprovalEvidence) -> str:
    secrets = [secret for one in evidence.expected for secret in evidence.secrets_of(one.job)]
    found = sum(bool(evidence.places.get(secret)) for secret in secrets)
    return f"{len(secrets)} passwords, tokens and credentials sought in every file, row and payload: {found} found"
