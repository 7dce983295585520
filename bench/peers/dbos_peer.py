"""DBOS Transact: begun and decided through its client, as from another process."""

from dbos import DBOSClient, run_dbos_database_migrations

from bench.peers.dbos_worker import DECISION, PROVISIONED, QUEUE, WORKFLOW
from bench.peers.peer import OfficePeer

_PATIENCE = 120.0  # seconds until an answer is given up, kills included


class Dbos(OfficePeer):
    name = "dbos"
    title = "DBOS Transact"
    worker_module = "bench.peers.dbos_worker"

    async def set_up(self) -> None:
        await super().set_up()
        url = self.surroundings.database_url
        run_dbos_database_migrations(url)
        self._client = DBOSClient(system_database_url=url, system_database_pool_size=20, use_listen_notify=True)

    async def begin(self, key: str) -> str:
        options = {"queue_name": QUEUE, "workflow_name": WORKFLOW, "workflow_id": key, "app_version": "1"}
        await self._client.enqueue_async(options, key, self.address(key))
        return key

    async def decide(self, process: str) -> None:
        await self._client.send_async(process, "approve", DECISION, idempotency_key=f"{process}-decision")
        await self._client.get_event_async(process, PROVISIONED, timeout_seconds=_PATIENCE)

    async def close(self) -> None:
        self._client.destroy()
