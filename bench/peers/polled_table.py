"""One table polled with SKIP LOCKED: what one writes without an engine."""

from typing import Any

import psycopg
import psycopg_pool

from bench.peers.office import DECIDE, RECORD
from bench.peers.peer import OfficePeer

_STEPS = """
CREATE TABLE steps (id text PRIMARY KEY REFERENCES invitations (id), step text NOT NULL, due_at timestamptz NOT NULL);
CREATE INDEX ON steps (due_at)
"""
_BEGIN = "INSERT INTO steps (id, step, due_at) VALUES (%s, 'invite', now()) ON CONFLICT DO NOTHING"
_LOCK = "SELECT step FROM steps WHERE id = %s FOR UPDATE"
_DECIDED = "UPDATE steps SET step = 'welcome', due_at = now() WHERE id = %s"


class PolledTable(OfficePeer):
    name = "table"
    title = "a table polled with SKIP LOCKED"
    worker_module = "bench.peers.polled_table_worker"

    async def set_up(self) -> None:
        await super().set_up()
        with psycopg.connect(self.surroundings.database_url) as connection:
            connection.execute(_STEPS)
        self._pool = psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]](
            self.surroundings.database_url, min_size=2, max_size=20, open=False
        )
        await self._pool.open()

    async def begin(self, key: str) -> str:
        async with self._pool.connection() as connection:
            await connection.execute(RECORD, (key, self.address(key)))
            await connection.execute(_BEGIN, (key,))
        return key

    async def decide(self, process: str) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(_LOCK, (process,))  # first, as the worker does
            decided = await (await connection.execute(DECIDE, (process,))).fetchone()
            if decided is not None:
                await connection.execute(_DECIDED, (process,))

    async def close(self) -> None:
        await self._pool.close()
