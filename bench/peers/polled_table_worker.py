"""A table and a loop: whoever finds a row due, locks it past the others, does its next step, and commits."""

import asyncio
from typing import Any

import psycopg

from bench.peers.office import CONCURRENCY, INVITATION, PROVISION, WELCOME, Courier, Letter
from bench.peers.surroundings import Surroundings

PAUSE = 0.02  # seconds, when nothing is due; cron itself would be a minute
_TAKE = """
SELECT id, mail_address, step FROM steps JOIN invitations USING (id) WHERE due_at <= now()
ORDER BY due_at LIMIT 1 FOR UPDATE OF steps SKIP LOCKED
"""
_WAIT = "UPDATE steps SET step = 'expire', due_at = now() + interval '7 days' WHERE id = %s"
_DONE = "DELETE FROM steps WHERE id = %s"
_EXPIRED = "UPDATE invitations SET expired_at = now() WHERE id = %s"
_Connection = psycopg.AsyncConnection[Any]


class Poller:
    def __init__(self, connection: _Connection, courier: Courier) -> None:
        self._connection = connection
        self._courier = courier

    async def run(self) -> None:
        while True:
            if not await self._step():
                await asyncio.sleep(PAUSE)

    async def _step(self) -> bool:
        """Whether there was one."""
        async with self._connection.transaction():
            row = await (await self._connection.execute(_TAKE)).fetchone()
            if row is None:
                return False
            invitation, address, step = row
            if step == "invite":
                await self._mail(INVITATION, invitation, address)
                await self._connection.execute(_WAIT, (invitation,))
                return True
            if step == "welcome":
                await self._connection.execute(PROVISION, (invitation,))
                await self._mail(WELCOME, invitation, address)
            else:
                await self._connection.execute(_EXPIRED, (invitation,))
            await self._connection.execute(_DONE, (invitation,))
            return True

    async def _mail(self, letter: Letter, invitation: str, address: str) -> None:
        await self._courier.send(address, letter.message(invitation, address))
        await self._connection.execute(letter.sent.encode(), (invitation,))


async def main() -> None:
    found = Surroundings.found()
    courier = Courier(found.smtp_port)
    connections = [
        await psycopg.AsyncConnection.connect(found.database_url, autocommit=True) for _ in range(CONCURRENCY)
    ]
    await asyncio.gather(*(Poller(connection, courier).run() for connection in connections))


if __name__ == "__main__":
    asyncio.run(main())
