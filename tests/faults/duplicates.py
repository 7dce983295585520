"""Every API call of a main job sent two to five times with one key: before, during and after a part's death."""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from models.identifiers import Draw
from tests.faults.client import Client, Json, Operation
from tests.faults.kills import Injection
from tests.faults.main_job import MainJob
from tests.faults.site import WORKER, Site

PLAN = tuple((part, step) for step in ("apply", "hold", "approve") for part in (WORKER, "API"))
"""Which part dies as which step is asked for."""
_COPIES = (2, 3, 4, 5)
_UNDER_WAY = 0.02  # seconds from the sending to the kill


@dataclass
class Wish:
    """`owed`: copies that are still to be sent, in the same words and with the same key."""

    job: str
    act: str
    path: str
    body: Json
    headers: Mapping[str, str]
    owed: int
    answers: list[str] = field(default_factory=list)


class RepeatingClient(Client):
    """Sends each wish several times: some at once, where `at_once`, the others when it is told to."""

    def __init__(self, api_url: str, headers: Mapping[str, str]) -> None:
        super().__init__(api_url, headers)
        self.at_once = True
        self.sent = 0
        """Wishes with all their copies; not how often each had to be tried."""
        self._wishes: list[Wish] = []
        self._copies = cycle(_COPIES)

    async def post(
        self,
        job: str,
        act: str,
        path: str,
        body: Json,
        *,
        headers: Mapping[str, str] | None = None,
        repeats: bool = True,
    ) -> Operation:
        keyed = {**(headers or self._headers), "Idempotency-Key": Draw().opaque_id()}
        wish = Wish(job, act, path, body, keyed, next(self._copies) - 1)
        self._wishes.append(wish)
        first: Operation
        first, *_ = await asyncio.gather(
            super().post(job, act, path, body, headers=keyed, repeats=repeats),
            *self._copies_of(wish, wish.owed // 2 if self.at_once else 0),
        )
        self.sent += 1
        wish.answers.append(_answer(first))
        return first

    async def send_owed(self, *, one_each: bool = False) -> None:
        """All at once."""
        await asyncio.gather(*(copy for wish in self._wishes for copy in self._copies_of(wish, 1 if one_each else 9)))

    @property
    def contradicted(self) -> list[str]:
        """Wishes whose copies were not all answered alike."""
        return [f"{wish.act} of {wish.job}: {wish.answers}" for wish in self._wishes if len(set(wish.answers)) > 1]

    def _copies_of(self, wish: Wish, count: int) -> list[Coroutine[Any, Any, None]]:
        count = min(count, wish.owed)
        wish.owed -= count
        return [self._copy(wish) for _ in range(count)]

    async def _copy(self, wish: Wish) -> None:
        copy = await super().post(wish.job, wish.act, wish.path, wish.body, headers=wish.headers)
        self.sent += 1
        wish.answers.append(_answer(copy))


def _answer(operation: Operation) -> str:
    return f"{operation.status} {json.dumps(operation.answer, sort_keys=True)}"


@dataclass
class Duplicates:
    """`site`: with a client of this kind."""

    site: Site
    client: RepeatingClient
    injections: list[Injection] = field(default_factory=list)
    jobs: list[MainJob] = field(default_factory=list)

    async def meet(self, part: str, step: str, *, jobs: int) -> None:
        """Half of the jobs have their answer when the part dies, and repeat into its death; half ask just then."""
        earlier, now = self._jobs(part, step, jobs)
        await asyncio.gather(*(job.ready_for(step) for job in [*earlier, *now]))
        self.client.at_once = False
        await asyncio.gather(*(job.until(step) for job in earlier))
        self.client.at_once = True
        repeating = asyncio.create_task(self.client.send_owed(one_each=True))
        asking = [job.begin(step) for job in now]
        await asyncio.sleep(_UNDER_WAY)
        killed = self.site.kill(part)
        self.injections[-1].back_after = await self.site.comes_back(part, killed)
        await asyncio.gather(repeating, *asking)
        await self.client.send_owed()
        await asyncio.gather(*(job.finish() for job in [*earlier, *now]))
        await self.client.send_owed()

    def _jobs(self, part: str, step: str, count: int) -> tuple[list[MainJob], list[MainJob]]:
        jobs = [MainJob(self.site, f"twice{len(self.jobs) + n:02}") for n in range(count)]
        self.jobs += jobs
        moment = f"{step} sent up to five times, around its death"
        self.injections.append(Injection(f"{part.removesuffix(' 1')} killed", 0, moment, [job.name for job in jobs]))
        return jobs[: count // 2], jobs[count // 2 :]
