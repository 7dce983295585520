"""The lanes of restarts: parts killed, everything down over a slot, and cancellations raced against it."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.faults import restart_moments
from tests.faults.clocks import Places
from tests.faults.device_yard import SETTINGS
from tests.faults.gathering import become_quiet
from tests.faults.kills import Injection, Kills
from tests.faults.lanes import RESTLESS, counted, strike, timed
from tests.faults.report import Findings
from tests.faults.restart_evidence import RestartEvidence, gather_restarts
from tests.faults.restart_invariants import violations
from tests.faults.restart_job import RestartJob, Yard
from tests.faults.site import EVERYTHING, PARTS, site
from tests.faults.slot_races import SlotRaces

ALL_MOMENTS = range(1, 13)
WHOLE_MOMENTS = (4, 8, 10)
_SOON, _LATE = 5, 25
"""Seconds from the replacement to its slot: late, where the replacement has an outage to outlive."""
_BRIEF = {"TETSUZUKI_DURATIONS__RESTART_OFFER": "PT10S", "TETSUZUKI_DURATIONS__RESTART_LATENESS": "PT40S"}
"""In place of 15 and 60 minutes."""
DOWNTIMES = {"down for half of the time": (20.0, "succeeded"), "down for a little longer": (41.0, "missed")}
"""Seconds from the slot, and what then becomes of the restart (RST-07)."""


async def restart_kills(
    folder: Path,
    *,
    single: Collection[int] = ALL_MOMENTS,
    parts: Sequence[str] = PARTS,
    whole: Collection[int] = WHOLE_MOMENTS,
) -> Findings:
    """No restart is lost, none is performed twice, whatever dies from the schedule to the device's return."""
    findings = Findings("restarts killed")
    places = Places(folder / "zones")
    async with (
        timed(findings),
        site(folder, environment=SETTINGS | places.environment) as product,
        Yard(product, places) as yard,
    ):
        jobs = list[RestartJob]()
        for early in (True, False):
            striking = Kills(product, partial(RestartJob, yard=yard, slot_in=_LATE if early else _SOON))
            for moment in restart_moments.MOMENTS:
                if (moment.number <= restart_moments.LAST_BEFORE_THE_SLOT) is early:
                    await strike(striking, moment, parts if moment.number in single else (), whole=whole)
            await striking.finish()
            findings.injections += striking.injections
            jobs += striking.jobs
        if not await become_quiet(product, RestartEvidence, [job.tenant_id for job in jobs]):
            findings.wrong.append(RESTLESS)
        evidence = await gather_restarts(product, yard, jobs)
        findings.judge(evidence, violations(evidence))
        findings.facts.append(counted(evidence))
    return findings


async def slots_slept_through(folder: Path) -> Findings:
    """Everything is down over a slot: for half of the time in which it may still begin, and for a little longer."""
    findings = Findings("slots slept through")
    places = Places(folder / "zones")
    async with (
        timed(findings),
        site(folder, environment=SETTINGS | _BRIEF | places.environment) as product,
        Yard(product, places) as yard,
    ):
        jobs, ended = list[RestartJob](), dict[str, str]()
        for number, (name, (seconds, becomes)) in enumerate(DOWNTIMES.items(), start=1):
            job = RestartJob(product, f"slept{number}", yard, slot_in=5)
            jobs.append(job)
            ended[job.name] = becomes
            await job.until("replace")
            await _until(job.near, before=1)
            killed = product.kill(EVERYTHING)
            await _until(job.near, after=seconds)
            injection = Injection(EVERYTHING, number, f"{name}: {becomes}", [job.name])
            injection.back_after = await product.comes_back(EVERYTHING, killed)
            findings.injections.append(injection)
            await job.finish()
        if not await become_quiet(product, RestartEvidence, [job.tenant_id for job in jobs]):
            findings.wrong.append(RESTLESS)
        evidence = await gather_restarts(product, yard, jobs, ended=ended)
        findings.judge(evidence, violations(evidence))
        findings.facts.append(counted(evidence))
    return findings


async def slot_races(folder: Path, *, count: int = 200) -> Findings:
    """Cancelled at the slot: the answer, the row and the device agree."""
    findings = Findings("cancellations at the slot")
    places = Places(folder / "zones")
    async with (
        timed(findings),
        site(folder, environment=SETTINGS | places.environment) as product,
        Yard(product, places) as yard,
    ):
        racing = SlotRaces(product, yard)
        await racing.run(count)
        findings.facts.append(f"{count} races: {dict(racing.won)} won; answers {dict(racing.answers)}")
        findings.wrong += racing.wrong
    return findings


async def _until(slot: datetime, *, before: float = 0, after: float = 0) -> None:
    await asyncio.sleep(max(0.0, (slot - datetime.now(UTC)).total_seconds() - before + after))
