"""The real worker in a process of its own that dies where it is told to, and whoever takes its place.

The processes are forked from one that has imported everything and begun nothing: a start takes a tenth of a second.
"""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from temporalio.client import (
    Client,
    OutboundInterceptor,
    StartWorkflowInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.common import RetryPolicy

from activities import mail
from models.database import Database
from settings import Settings
from tests.faults.boundaries import Boundaries, Death, MortalCourier
from worker import make_courier, make_worker
from workflows import patience
from workflows.client import connect
from workflows.world_clock import clock_of

_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload([__name__])
_TASK = timedelta(seconds=2)
_LEASE = timedelta(seconds=6)
_SILENCE = timedelta(seconds=5)
_HEARTBEAT_SECONDS = 1
_SOON = RetryPolicy(initial_interval=timedelta(milliseconds=200))
_TAKEN_UP_WITHIN = 8.0  # seconds: longer than all of the above


class Impatient(ClientInterceptor):
    """What a dead worker left is taken up by the next one after seconds, where in earnest it is ten and more."""

    def worn_by(self, client: Client) -> Client:
        config = client.config()
        config["interceptors"] = [*config["interceptors"], self]
        return Client(**config)

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's parameter
        return _Hasty(next)


class _Hasty(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002 - as the SDK has them
        input.task_timeout = _TASK
        return await super().start_workflow(input)

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # noqa: A002 - as the SDK has them
    ) -> WorkflowUpdateHandle[Any]:
        input.start_workflow_input.task_timeout = _TASK
        return await super().start_update_with_start_workflow(input)


class Workforce:
    """One worker at a time. The first one dies; whoever follows it does not."""

    def __init__(self, settings: Settings, death: Death, noted: Path) -> None:
        self._settings = settings
        self._noted = noted
        self._is_over = threading.Event()
        self._worker = self._hire(death)
        self._replacing = threading.Thread(target=self._replace, args=[death], daemon=True)
        self.deaths = 0
        self._died_at = -_TAKEN_UP_WITHIN

    async def has_recovered(self) -> None:
        """Wait until what the last death left lying has been taken up."""
        await asyncio.sleep(max(0, self._died_at + _TAKEN_UP_WITHIN - time.monotonic()))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._replacing.start()
        try:
            yield
        finally:
            self._is_over.set()
            while self._replacing.is_alive():
                self._worker.kill()
                self._replacing.join(0.2)

    def _hire(self, death: Death) -> multiprocessing.process.BaseProcess:
        worker = _FORK.Process(target=serve, args=(self._settings, death, self._noted), daemon=True)
        worker.start()
        return worker

    def _replace(self, death: Death) -> None:
        while True:
            self._worker.join()
            if self._is_over.is_set():
                return
            self.deaths += 1
            self._died_at = time.monotonic()
            self._worker = self._hire(replace(death, number=None))


def serve(settings: Settings, death: Death, noted: Path) -> None:
    """A worker's life."""
    patience.COMMAND["start_to_close_timeout"] = _SILENCE
    patience.PARTNER["start_to_close_timeout"] = _SILENCE
    patience.PARTNER["retry_policy"] = _SOON
    patience.MAIL["heartbeat_timeout"] = _SILENCE
    patience.MAIL["retry_policy"] = _SOON
    vars(mail)["_HEARTBEAT_SECONDS"] = _HEARTBEAT_SECONDS
    asyncio.run(_serve(settings, Boundaries(death, noted)))


async def _serve(settings: Settings, boundaries: Boundaries) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(
        settings.temporal_address, settings.temporal_namespace, settings.payload_cipher(), pings=not settings.rehearsal
    )
    client = boundaries.watching(Impatient().worn_by(client))
    database = Database(settings.database_url.get_secret_value(), pool_size=5)
    courier = MortalCourier(make_courier(settings), boundaries)
    clock = clock_of(client, rehearsal=settings.rehearsal)
    async with make_worker(settings, client, database=database, clock=clock, courier=courier):
        await stop.wait()


def told(settings: Settings, *, database_url: str, temporal_address: str) -> Settings:
    """As a rehearsal runs, on a test's servers; but the mails of a dead sender go again after seconds."""
    mine: dict[str, object] = {
        "database_url": SecretStr(database_url),
        "temporal_address": temporal_address,
        "worker_strict_sandbox": False,
        "worker_max_cached_workflows": 0,
        "durations": settings.durations.model_copy(update={"mail_lease": _LEASE}),
    }
    return settings.model_copy(update=mine)
