"""Keeps the histories of everything that ran on a test's worker, when a folder is named for them."""

import gzip
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

FOLDER = "TETSUZUKI_RECORD_HISTORIES"


class Recorder(ClientInterceptor, Interceptor):
    """Notes the workflows by their activities: every workflow of the product has some."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def watching(self, client: Client) -> Client:
        """The same client; what its workers run is noted."""
        config = client.config()
        config["interceptors"] = [*config["interceptors"], self]
        return Client(**config)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's parameter
        return _Noting(next, self._seen)

    async def keep(self, client: Client, folder: Path) -> None:
        """A file for each workflow's run, in a folder for its type."""
        for (workflow_id, run_id), kind in dict(self._seen).items():
            try:
                history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
            except RPCError:
                continue  # its server has gone before: some tests end it themselves
            place = folder / kind / f"{workflow_id}.{run_id[:8]}.json.gz"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(gzip.compress(history.to_json().encode(), mtime=0))


class _Noting(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, seen: dict[tuple[str, str], str]) -> None:
        super().__init__(following)
        self._seen = seen

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - as the SDK has them
        info = activity.info()
        if info.workflow_id and info.workflow_run_id and info.workflow_type:
            self._seen[info.workflow_id, info.workflow_run_id] = info.workflow_type
        return await super().execute_activity(input)
