"""procrastinate: its jobs are deferred within the transaction that writes the row."""

from typing import Any

import psycopg
import psycopg_pool
from procrastinate import App, PsycopgConnector

from bench.peers.office import DECIDE, PATIENCE, RECORD
from bench.peers.peer import OfficePeer


class Procrastinate(OfficePeer):
    name = "procrastinate"
    title = "procrastinate"
    worker_module = "bench.peers.procrastinate_worker"

    async def set_up(self) -> None:
        await super().set_up()
        url = self.surroundings.database_url
        self._app = App(connector=PsycopgConnector(conninfo=url))
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()
        self._pool = psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]](
            url, min_size=2, max_size=20, open=False
        )
        await self._pool.open()

    async def begin(self, key: str) -> str:
        async with self._pool.connection() as connection:
            await connection.execute(RECORD, (key, self.address(key)))
            await self._defer("invite", key, connection)
            await self._defer("expire", key, connection, schedule_in={"days": PATIENCE.days})
        return key

    async def decide(self, process: str) -> None:
        async with self._pool.connection() as connection:
            decided = await (await connection.execute(DECIDE, (process,))).fetchone()
            if decided is not None:
                await self._defer("welcome", process, connection)

    async def close(self) -> None:
        await self._pool.close()
        await self._app.close_async()

    async def _defer(self, task: str, process: str, connection: psycopg.AsyncConnection[Any], **options: Any) -> None:
        await self._app.configure_task(task, connection=connection, **options).defer_async(invitation=process)
