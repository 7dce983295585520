"""The lanes of what surrounds the product: the network, the mail server, frozen workers, repeated calls, full disks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.faults import duplicates, mail_faults, zombies
from tests.faults import full_disk as full_disks
from tests.faults import network as networks
from tests.faults.certificates import Authority
from tests.faults.detours import Detours
from tests.faults.duplicates import Duplicates, RepeatingClient
from tests.faults.evidence import Evidence
from tests.faults.full_disk import FullDisks
from tests.faults.gathering import become_quiet, gather
from tests.faults.lanes import RESTLESS, counted, judge_main_jobs, mail_outage, timed
from tests.faults.mail_faults import MailFaults
from tests.faults.main_invariants import violations
from tests.faults.main_job import expected_of
from tests.faults.network import Case, Disturbances
from tests.faults.poison import Poisons
from tests.faults.report import Findings
from tests.faults.silence import Silence
from tests.faults.site import TENANT, site
from tests.faults.zombies import LATE, TAKEN_OVER, Spot, Zombies


async def network(folder: Path, *, cases: Sequence[Case] = ()) -> Findings:
    """Between the product and each server it needs: refused, silent, reset, late, cut off, half-open."""
    findings = Findings("network", is_listed=True)
    detours = Detours()
    async with (
        timed(findings),
        detours.opened(),
        site(folder, environment=networks.SETTINGS, detours=detours) as product,
    ):
        disturbing = Disturbances(product, detours)
        findings.injections = disturbing.injections
        await disturbing.meet(cases or networks.all_cases())
        await disturbing.finish()
        silence = Silence(product, detours)
        if not cases:
            await silence.run()
            findings.facts.append(f"asked for while a server is silent: {silence.answers}")
            findings.wrong += silence.wrong
        expected = [*map(expected_of, disturbing.jobs), *silence.expected]
        await judge_main_jobs(findings, product, expected, within=networks.QUIET_WITHIN)
    return findings


async def mail_server(
    folder: Path,
    *,
    together: tuple[mail_faults.Case, ...] = mail_faults.TO_ONE,
    one_by_one: tuple[mail_faults.Case, ...] = mail_faults.TO_ALL,
    slow: bool = True,
) -> Findings:
    """It refuses at every turn, for now or for good, answers late, and breaks off."""
    findings = Findings("mail server", is_listed=True)
    async with timed(findings), site(folder, "--rehearsal") as product:
        meeting = MailFaults(product)
        findings.injections = meeting.injections
        await meeting.meet_together(together)
        await meeting.meet_one_by_one(one_by_one)
        if slow:
            await meeting.meet_a_slow_answer()
        await meeting.finish()
        await judge_main_jobs(findings, product, [*map(expected_of, meeting.jobs)])
    return findings


async def mail_tls(folder: Path) -> Findings:
    """STARTTLS is required, and what the server presents cannot be trusted, or it presents nothing."""
    findings = Findings("mail server's certificate", is_listed=True)
    trusted = Authority(folder, "trusted")
    settings = {"TETSUZUKI_SMTP__SECURITY": "starttls", "SSL_CERT_FILE": str(trusted.file)}
    async with timed(findings), site(folder, "--rehearsal", environment=settings) as product:
        meeting = MailFaults(product)
        findings.injections = meeting.injections
        await meeting.meet_bad_certificates(folder, trusted)
        await meeting.finish()
        await judge_main_jobs(findings, product, [*map(expected_of, meeting.jobs)])
    return findings


async def three_days_without_mail(folder: Path) -> Findings:
    """The mails of twenty-one applications, and of the signups that some of them begin, wait."""
    return await mail_outage(folder, hours=72, jobs=7)


async def frozen_workers(
    folder: Path,
    *,
    how: Sequence[str] = (LATE, TAKEN_OVER),
    spots: Sequence[tuple[Spot, ...]] = zombies.FREEZES,
    seconds: float | None = None,
) -> Findings:
    """A worker stands still in steps and mails for longer than anybody waits, and then goes on."""
    findings = Findings("frozen workers", is_listed=True)
    async with timed(findings), site(folder) as product:
        freezing = Zombies(product)
        findings.injections = freezing.injections
        for manner in how:
            for together in spots:
                await freezing.freeze_at(together, manner, seconds=seconds)
        await judge_main_jobs(findings, product, [*map(expected_of, freezing.jobs)])
    return findings


async def repeated_calls(folder: Path, *, plan: Sequence[tuple[str, str]] = duplicates.PLAN, jobs: int = 5) -> Findings:
    """Each call two to five times with one key, before, during and after a death: one effect, equal answers."""
    findings = Findings("repeated calls", is_listed=True)
    async with timed(findings), site(folder) as product:
        client = RepeatingClient(product.api_url, product.staff)
        repeating = Duplicates(replace(product, client=client), client)
        findings.injections = repeating.injections
        for part, step in plan:
            await repeating.meet(part, step, jobs=jobs)
        findings.facts.append(f"{client.sent} calls; {len(client.contradicted)} wishes were answered differently")
        findings.wrong += client.contradicted
        await judge_main_jobs(findings, repeating.site, [*map(expected_of, repeating.jobs)])
        await client.close()
    return findings


async def full_disk(folder: Path, *, steps: Sequence[str] = full_disks.STEPS) -> Findings:
    """Everybody's data on a small disk, that is full while each step is asked for.

    Raises:
        NoDiskError: there is no having one here.
    """
    findings = Findings("disk full", is_listed=True)
    with full_disks.small_disk(folder / "data"):
        async with timed(findings), site(folder) as product:
            meeting = FullDisks(product)
            findings.injections = meeting.injections
            for step in steps:
                await meeting.meet(step)
            await judge_main_jobs(findings, product, [*map(expected_of, meeting.jobs)])
    return findings


async def poison(folder: Path, *, names: Sequence[str] = ()) -> Findings:
    """What nobody can read, hold or do meets one procedure each; the others go on, and so does that one."""
    findings = Findings("poison", is_listed=True)
    async with timed(findings), site(folder) as product:
        poisoning = Poisons(product)
        findings.injections = poisoning.injections
        for name in names or poisoning.all():
            await poisoning.meet(name)
        if not await become_quiet(product, Evidence, [TENANT]):
            findings.wrong.append(RESTLESS)
        evidence = await gather(product, [*map(expected_of, poisoning.jobs)])
        evidence.runs = poisoning.without_poison(evidence.runs)
        findings.judge(evidence, violations(evidence))
        findings.facts.append(counted(evidence))
    return findings
