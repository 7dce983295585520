"""Approve and deny at once, from two clients: one wins, the other is told the state, nobody is told of an error."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.client import Client, Operation, Outcome
from tests.faults.evidence import Expected
from tests.faults.main_job import MainJob, expected_of
from tests.faults.site import TENANT, Site

_AT_ONCE = 10  # races that run side by side


@dataclass
class Races:
    site: Site
    won: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    """By the loser's status, and whether the state it was told is the one that won."""
    expected: list[Expected] = field(default_factory=list)

    async def run(self, count: int) -> None:
        turn = asyncio.Semaphore(_AT_ONCE)
        other_client = Client(self.site.api_url, self.site.staff)

        async def one(number: int) -> None:
            async with turn:
                await self._race(number, other_client)

        await asyncio.gather(*(one(number) for number in range(count)))
        await other_client.close()
        self.site.client.operations += other_client.operations

    async def _race(self, number: int, other_client: Client) -> None:
        job = MainJob(self.site, f"race-{number:03}", steps=("apply", "confirm"))
        self.expected.append(expected_of(job, decision=("approved", "denied")))
        await job.finish()
        both = [(self.site.client, "approve"), (other_client, "deny")]
        if number % 2:
            both.reverse()
        self._judge(await asyncio.gather(*(_decide(client, job, decision) for client, decision in both)))

    def _judge(self, operations: list[Operation]) -> None:
        winners = [operation for operation in operations if operation.outcome is Outcome.OK]
        states = [operation.answer["state"] for operation in winners]
        self.won[" and ".join(states) or "nobody"] += 1
        for operation in operations:
            if operation not in winners:
                truth = "the state" if [operation.answer.get("state")] == states else "another state"
                self.lost[f"{operation.status} with {truth}"] += 1

    @property
    def are_fair(self) -> bool:
        return set(self.won) <= {"approved", "denied"} and set(self.lost) == {"409 with the state"}


async def _decide(client: Client, job: MainJob, decision: str) -> Operation:
    return await client.post(job.name, decision, f"/v1/tenants/{TENANT}/applications/{job.number}/{decision}", {})
