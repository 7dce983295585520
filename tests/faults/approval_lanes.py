"""The lane of approvals by mail link: parts killed from the request to the end of what was allowed."""

import asyncio
from collections.abc import Collection, Sequence
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
from tests.faults.lanes import RESTLESS, counted, strike, timed
from tests.faults.report import Findings
from tests.faults.site import EVERYTHING, PARTS, Site, site

ALL_MOMENTS = range(1, 24)
WHOLE_MOMENTS = (4, 7, 10, 13, 15, 17, 21)
_RUNS_OUT_WITHIN = 90
"""Seconds from the request to the end of the shortest session."""
_APART = 7
"""Seconds between two ends, in which the part killed at the first one comes back."""


async def approval_kills(
    folder: Path,
    *,
    single: Collection[int] = ALL_MOMENTS,
    parts: Sequence[str] = PARTS,
    whole: Collection[int] = WHOLE_MOMENTS,
) -> Findings:
    """No approval is lost, nothing opens twice, no secret leaves its mails, whatever dies on the way."""
    findings = Findings("approvals killed")
    async with timed(findings), site(folder, environment=SETTINGS) as product, ApprovalYard(product) as yard:
        jobs = list[ApprovalJob]()
        for striking, moments in (
            (
                Kills[ApprovalJob](product, partial(SupportJob, yard=yard, steps=ENDED_BY_THE_DESK)),
                approval_moments.SUPPORT,
            ),
            (Kills[ApprovalJob](product, partial(ViewerJob, yard=yard)), approval_moments.VIEWER),
        ):
            for moment in moments:
                await strike(striking, moment, parts if moment.number in single else (), whole=whole)
            await striking.finish()
            findings.injections += striking.injections
            jobs += striking.jobs
        timing = await _as_time_runs_out(product, yard, single=single, parts=parts, whole=whole)
        findings.injections += timing.injections
        jobs += timing.jobs
        if not await become_quiet(product, ApprovalEvidence, [job.tenant_id for job in jobs]):
            findings.wrong.append(RESTLESS)
        evidence = await gather_approvals(product, yard, jobs)
        findings.judge(evidence, violations(evidence))
        findings.facts += [counted(evidence), _searched(evidence)]
    return findings


async def _as_time_runs_out(
    product: Site, yard: ApprovalYard, *, single: Collection[int], parts: Sequence[str], whole: Collection[int]
) -> Kills[SupportJob]:
    """All sessions run at the same time, and end one after another."""
    make = partial(SupportJob, yard=yard, steps=ENDED_BY_TIME)
    striking = Kills(product, make, arrives_within=_RUNS_OUT_WITHIN)
    planned = [(moment, part) for moment in approval_moments.TIME if moment.number in single for part in parts]
    planned += [(moment, EVERYTHING) for moment in approval_moments.TIME if moment.number in whole]

    async with asyncio.TaskGroup() as tasks:
        for moment, part in planned:
            tasks.create_task(striking.strike(moment, part))
            await asyncio.sleep(_APART)
    await striking.finish()
    return striking


def _searched(evidence: ApprovalEvidence) -> str:
    secrets = [secret for one in evidence.expected for secret in evidence.secrets_of(one.job)]
    found = sum(bool(evidence.places.get(secret)) for secret in secrets)
    return f"{len(secrets)} passwords, tokens and credentials sought in every file, row and payload: {found} found"
