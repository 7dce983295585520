"""The lanes: parts killed, decisions raced, deadlines missed by a dead part, the mail server away, contracts killed."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from tests.faults import contract_invariants, contract_moments, deadlines
from tests.faults.clocks import Clocks
from tests.faults.contract_evidence import ContractEvidence, gather_contracts
from tests.faults.contract_job import SETTINGS, ContractJob, Yard
from tests.faults.deadlines import Deadlines
from tests.faults.evidence import Evidence, Expected
from tests.faults.gathering import QUIET_WITHIN, become_quiet, gather
from tests.faults.kills import J, Kills
from tests.faults.ledgers import Ledgers
from tests.faults.main_invariants import violations
from tests.faults.main_job import MainJob, expected_of
from tests.faults.moments import MOMENTS, Moment
from tests.faults.outage import Outage
from tests.faults.races import Races
from tests.faults.report import Findings
from tests.faults.site import EVERYTHING, PARTS, TENANT, Site, site
from tests.faults.unheard import Unheard

_SLOWEST = 2.0
"""How much longer the median request may take without a mail server; on a busy machine two runs with one differ too."""
ALL_MOMENTS = range(1, 20)
WHOLE_MOMENTS = (4, 7, 15, 16, 19)
CONTRACT_MOMENTS = range(1, 21)
WHOLE_CONTRACT_MOMENTS = (3, 7, 11, 15, 17)
_SOON, _LATE = 5, 25
"""Seconds from a cancellation to the contract's end: late, where the cancellation has an outage to outlive."""
RESTLESS = "it did not come to rest"


async def kills(
    folder: Path,
    *,
    single: Collection[int] = ALL_MOMENTS,
    whole: Collection[int] = WHOLE_MOMENTS,
    races: int = 200,
) -> Findings:
    """Each part by itself, and everything, at the moments of those numbers; on what went through it, the races."""
    findings = Findings("kills and races")
    async with timed(findings), site(folder) as product:
        striking = Kills(product, MainJob)
        findings.injections = striking.injections
        for moment in MOMENTS:
            await strike(striking, moment, PARTS if moment.number in single else (), whole=whole)
        await striking.finish()
        racing = Races(product)
        await racing.run(races)
        findings.facts.append(f"{races} races: {dict(racing.won)} won, the losers: {dict(racing.lost)}")
        if races and not racing.are_fair:
            findings.wrong.append("a race had not one winner and one 409 with the state")
        unheard = Unheard(product)
        await unheard.run()
        findings.facts.append(f"a decision while a part is away, and not made afterwards: {unheard.answers}")
        findings.wrong += unheard.wrong
        await judge_main_jobs(
            findings, product, [*map(expected_of, striking.jobs), *racing.expected, *unheard.expected]
        )
    return findings


async def missed_deadlines(folder: Path) -> Findings:
    findings = Findings("deadlines")
    async with timed(findings), site(folder, environment=deadlines.SETTINGS) as product:
        dying = Deadlines(product)
        findings.injections = dying.injections
        await dying.run()
        await judge_main_jobs(findings, product, dying.expected)
    return findings


async def mail_outage(folder: Path, *, hours: int = 24, jobs: int = 4) -> Findings:
    """`jobs`: a third of them."""
    findings = Findings("mail server away")
    async with timed(findings), site(folder, "--rehearsal") as product:
        outage = Outage(product, hours, jobs)
        await outage.run()
        ups, downs = (len(outage.seconds[when]) for when in ("up", "down"))
        findings.facts.append(
            f"{hours} simulated hours without a mail server: the median request takes"
            f" {outage.slowdown:.2f} times as long ({ups} with, {downs} without)"
        )
        if outage.slowdown > _SLOWEST:
            findings.wrong.append(f"requests took {outage.slowdown:.2f} times as long without a mail server")
        if outage.arrived_meanwhile:
            findings.wrong.append("the mail server was not away")
        await judge_main_jobs(findings, product, outage.expected)
    return findings


async def contract_kills(
    folder: Path,
    *,
    single: Collection[int] = CONTRACT_MOMENTS,
    parts: Sequence[str] = PARTS,
    whole: Collection[int] = WHOLE_CONTRACT_MOMENTS,
) -> Findings:
    """The same from a contract's cancellation to its undo, in places whose clocks are put forward."""
    findings = Findings("contracts killed")
    clocks = Clocks(folder / "zones")
    async with timed(findings), site(folder, environment=SETTINGS | clocks.environment) as product:
        yard, jobs = Yard(clocks), list[ContractJob]()
        await yard.prepare(product)
        for early in (True, False):
            striking = Kills(product, partial(ContractJob, yard=yard, ends_in=_LATE if early else _SOON))
            for moment in contract_moments.MOMENTS:
                if (moment.number <= contract_moments.LAST_BEFORE_THE_END) is early:
                    await strike(striking, moment, parts if moment.number in single else (), whole=whole)
            await striking.finish()
            findings.injections += striking.injections
            jobs += striking.jobs
        if not await become_quiet(product, ContractEvidence, [job.tenant_id for job in jobs]):
            findings.wrong.append(RESTLESS)
        evidence = await gather_contracts(product, jobs)
        findings.judge(evidence, contract_invariants.violations(evidence))
        findings.facts.append(counted(evidence))
    return findings


async def strike(striking: Kills[J], moment: Moment, parts: Sequence[str], *, whole: Collection[int]) -> None:
    for part in (*parts, *([EVERYTHING] if moment.number in whole else [])):
        await striking.strike(moment, part)


async def judge_main_jobs(
    findings: Findings, product: Site, expected: list[Expected], *, within: float = QUIET_WITHIN
) -> None:
    """`within`: seconds in which all must have come to rest."""
    if not await become_quiet(product, Evidence, [TENANT], within=within):
        findings.wrong.append(RESTLESS)
    evidence = await gather(product, expected)
    findings.judge(evidence, violations(evidence))
    findings.facts.append(counted(evidence))


def counted(evidence: Ledgers) -> str:
    mails = len({taken.message_id for taken in evidence.taken})
    return (
        f"{len(evidence.wishes)} jobs, {len(evidence.operations)} requests ({_repeated(evidence.operations)} repeated),"
        f" {len(evidence.procedures)} procedures, {mails} mails and {len(evidence.taken) - mails} copies"
    )


def _repeated(operations: Sequence[object]) -> int:
    return sum(len(getattr(operation, "tries", ())) > 1 for operation in operations)


@asynccontextmanager
async def timed(findings: Findings) -> AsyncIterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        findings.seconds = time.monotonic() - began
