"""DBOS Transact, as its documents teach: a workflow of steps, `recv` for the person, an event for the outcome.

It is the workflow of a queue, so that whoever begins it need not be the process that runs it. The queue is polled ten
times a second instead of once, which shortens the way to the first mail.
"""

import asyncio
import threading

from dbos import DBOS, DBOSConfig

from bench.peers.office import PATIENCE, Office
from bench.peers.surroundings import Surroundings

APPLICATION = "bench-peers"
QUEUE = "invitations"
WORKFLOW = "invitation"
DECISION = "decision"
PROVISIONED = "provisioned"
POLLED_EVERY = 0.1  # seconds


class _Offices:
    """The office of the loop that DBOS runs workflows on, opened by the first step."""

    def __init__(self, found: Surroundings) -> None:
        self._found = found
        self._office: Office | None = None
        self._turn = asyncio.Lock()

    async def office(self) -> Office:
        async with self._turn:
            if self._office is None:
                self._office = Office(self._found.database_url, self._found.smtp_port)
                await self._office.open()
        return self._office


def register(offices: _Offices) -> None:
    @DBOS.step()
    async def record(invitation: str, mail_address: str) -> None:
        await (await offices.office()).record(invitation, mail_address)

    @DBOS.step(retries_allowed=True)
    async def invite(invitation: str) -> None:
        await (await offices.office()).invite(invitation)

    @DBOS.step()
    async def provision(invitation: str) -> None:
        await (await offices.office()).provision(invitation)

    @DBOS.step(retries_allowed=True)
    async def welcome(invitation: str) -> None:
        await (await offices.office()).welcome(invitation)

    @DBOS.step()
    async def expire(invitation: str) -> None:
        await (await offices.office()).expire(invitation)

    @DBOS.workflow(name=WORKFLOW)
    async def invitation(invitation: str, mail_address: str) -> str:
        await record(invitation, mail_address)
        await invite(invitation)
        decision = await DBOS.recv_async(DECISION, timeout_seconds=PATIENCE.total_seconds())
        if decision is None:
            await expire(invitation)
            return "expired"
        await provision(invitation)
        await DBOS.set_event_async(PROVISIONED, True)  # noqa: FBT003 - the event's value
        await welcome(invitation)
        return "welcomed"


def configuration(database_url: str) -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_url": database_url,
        "log_level": "WARNING",
        "application_version": "1",
    }


def main() -> None:
    found = Surroundings.found()
    DBOS(config=configuration(found.database_url))
    register(_Offices(found))
    DBOS.launch()
    DBOS.register_queue(QUEUE, polling_interval_sec=POLLED_EVERY)
    threading.Event().wait()


if __name__ == "__main__":
    main()
