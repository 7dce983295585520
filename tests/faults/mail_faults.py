"""A mail server that refuses, stalls and breaks off: each mail is tried again, given up or repeated, as is right.

What tests/processes/test_mail_delivery.py proves is not played again: growing pauses after 451, 550 5.1.1 at RCPT, five
days of 452, one and two losses after the final dot, a day without a server, a server that hangs up on idle clients.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx2

from tests.faults.certificates import Authority
from tests.faults.gathering import reading, rows
from tests.faults.kills import Injection
from tests.faults.mail_manners import Manner, Refusal, Turn
from tests.faults.main_job import MainJob
from tests.faults.outage import advance
from tests.faults.sink import Stage
from tests.faults.site import TENANT, Site
from tests.world import eventually

_MET_WITHIN = 30  # seconds
_NEXT_TRY = "PT31M"  # the longest pause between two
_SLOW = 25  # seconds: longer than a lease and than a heartbeat's patience


class Standing(StrEnum):
    """How the ledger must have the mail after it has met the refusal; and what becomes of it then."""

    PUT_OFF = "deferred"
    SERVER_AWAY = "queued"
    PERHAPS_TAKEN = "unknown"
    GIVEN_UP = "failed"


_THEN = {
    Standing.PUT_OFF: "put off; arrives at a later try",
    Standing.SERVER_AWAY: "waits for the server; arrives",
    Standing.PERHAPS_TAKEN: "sent once more, same Message-ID",
    Standing.GIVEN_UP: "shown to an operator; retried, arrives",
}


@dataclass(frozen=True)
class Case:
    name: str
    turn: Turn
    answer: str
    standing: Standing
    times: int | None = None


TO_ONE = (
    Case("greylisting, three tries", Turn.RCPT, "451 4.7.1 greylisted", Standing.PUT_OFF, times=3),
    Case("452 at RCPT", Turn.RCPT, "452 4.2.2 mailbox full", Standing.PUT_OFF),
    Case("451 at DATA", Turn.DATA, "451 4.3.0 try later", Standing.PUT_OFF),
    Case("451 at the final dot", Turn.DOT, "451 4.3.0 try later", Standing.PUT_OFF),
    Case("452 at the final dot", Turn.DOT, "452 4.3.1 disk full", Standing.PUT_OFF),
    Case("421 at RCPT", Turn.RCPT, "421 4.3.2 going down", Standing.SERVER_AWAY),
    Case("553 at RCPT", Turn.RCPT, "553 5.1.3 bad address", Standing.GIVEN_UP),
    Case("554 at DATA", Turn.DATA, "554 5.5.1 no valid recipients", Standing.GIVEN_UP),
    Case("552 at the final dot", Turn.DOT, "552 5.3.4 too big", Standing.GIVEN_UP),
    Case("554 5.7.1 at the final dot", Turn.DOT, "554 5.7.1 rejected", Standing.GIVEN_UP),
    Case("reset in DATA", Turn.DATA, Manner.RESET, Standing.PERHAPS_TAKEN),
    Case("taken, dropped before 250", Turn.DOT, Manner.TAKE_AND_DROP, Standing.PERHAPS_TAKEN),
)
"""Those that one recipient's mail meets; they are played at the same time."""
TO_ALL = (
    Case("421 greeting", Turn.GREETING, "421 4.3.2 too busy", Standing.SERVER_AWAY),
    Case("554 greeting", Turn.GREETING, "554 no SMTP service here", Standing.SERVER_AWAY),
    Case("450 at MAIL", Turn.MAIL, "450 4.7.1 later", Standing.PUT_OFF),
    Case("550 at MAIL", Turn.MAIL, "550 5.7.1 sender refused", Standing.GIVEN_UP),
)


@dataclass
class MailFaults:
    """Each case meets the first mail of a main job, the applicant's confirmation; the job then goes its way."""

    site: Site
    injections: list[Injection] = field(default_factory=list)
    jobs: list[MainJob] = field(default_factory=list)

    async def meet_one_by_one(self, cases: tuple[Case, ...] = TO_ALL) -> None:
        for case in cases:
            await self._meet(case, everybody=True)

    async def meet_together(self, cases: tuple[Case, ...] = TO_ONE) -> None:
        await asyncio.gather(*(self._meet(case) for case in cases))

    async def meet_a_slow_answer(self) -> None:
        """The mail is taken at once; its 250 comes when others would have lost patience."""
        job, injection = self._begin("250 after 25 s", "waited for; arrives once")
        async with self.site.sink.held(Stage.AFTER_DOT, {job.applicant}.__contains__) as hold:
            await job.until("apply")
            await hold.waiting.wait()
            await asyncio.sleep(_SLOW)
        await self._reaches(job, "sent", injection)

    async def meet_bad_certificates(self, folder: Path, trusted: Authority) -> None:
        """STARTTLS is required here; nothing goes out as long as the server cannot prove who it is."""
        await self._meets_tls("STARTTLS missing", None)
        await self._meets_tls("certificate of nobody known", Authority(folder, "stranger").serves())
        await self._meets_tls("certificate of another address", trusted.serves("127.0.0.2"))
        await self._meets_tls("certificate run out", trusted.serves(days=-1))
        self.site.sink.tls = trusted.serves()

    async def _meets_tls(self, name: str, tls: ssl.SSLContext | None) -> None:
        self.site.sink.tls = tls
        await self.site.sink.hang_up()
        job, injection = self._begin(name, _THEN[Standing.SERVER_AWAY])
        await job.until("apply")
        await self._reaches(job, Standing.SERVER_AWAY, injection)
        if self.site.sink.to(job.applicant):
            injection.trouble.append("the mail went out unprotected")

    async def finish(self) -> None:
        """Let the mails go that still wait, and the jobs do all that they wish."""
        await advance(self.site, _NEXT_TRY)
        await asyncio.gather(*(job.finish() for job in self.jobs))

    async def _meet(self, case: Case, *, everybody: bool = False) -> None:
        job, injection = self._begin(case.name, _THEN[case.standing])
        refusal = Refusal(case.turn, case.answer, None if everybody else job.applicant, case.times)
        self.site.sink.refusing.refusals.append(refusal)
        if everybody:
            await self.site.sink.hang_up()  # or the conversation that is under way would not meet it
        await job.until("apply")
        await self._reaches(job, case.standing, injection)
        for _ in range((case.times or 1) - 1):
            await advance(self.site, _NEXT_TRY)
        self.site.sink.refusing.refusals.remove(refusal)
        if not refusal.met:
            injection.trouble.append("the mail server did not refuse")
        if case.standing is Standing.GIVEN_UP:
            await self._retried_by_an_operator(job, case.answer[:3], injection)

    def _begin(self, name: str, then: str) -> tuple[MainJob, Injection]:
        job = MainJob(self.site, f"mail{len(self.jobs):02}")
        injection = Injection(name, len(self.jobs), then, [job.name])
        self.jobs.append(job)
        self.injections.append(injection)
        return job, injection

    async def _reaches(self, job: MainJob, state: str, injection: Injection) -> None:
        """Wait until the applicant's mail has been tried and stands so; it is the class that the case is about."""

        async def is_there() -> bool:
            async with reading(self.site, TENANT) as connection:
                mails = await rows(
                    connection, "SELECT recipient, state, attempts FROM mails WHERE attempts > 0 ORDER BY sequence"
                )
            return [mail["state"] for mail in mails if mail["recipient"] == job.applicant][:1] == [state]

        try:
            await eventually(is_there, patience=_MET_WITHIN)
        except TimeoutError:
            injection.trouble.append(f"the mail is not {state}")

    async def _retried_by_an_operator(self, job: MainJob, code: str, injection: Injection) -> None:
        """It is among what needs an operator, with the server's words; they have it tried again."""
        procedure = f"/v1/tenants/{TENANT}/procedures/service-application-{TENANT}-{job.number}"
        async with httpx2.AsyncClient(base_url=self.site.api_url, headers=self.site.operator, timeout=15) as operator:

            async def is_shown() -> bool:
                waiting: list[dict[str, Any]] = (await operator.get("/v1/attention?limit=100")).json()["items"]
                steps = [step for one in waiting if str(job.number) in one["id"] for step in one["attention"]]
                return any(code in step["reason"] for step in steps)

            try:
                await eventually(is_shown, patience=_MET_WITHIN)
            except TimeoutError:
                injection.trouble.append("no operator is told")
            (await operator.post(f"{procedure}/retry", json={"reason": "mended"})).raise_for_status()
