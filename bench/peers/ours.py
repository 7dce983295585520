"""The product: its service application through its HTTP API, from the applicant's form to the approval.

It is more than the mini process. Between the invitation and the decision the applicant confirms; an approval makes a
customer and a user, whose signup is a procedure of its own; six mails go out instead of two, rendered from
templates; all of it is signed in, repeatable by its key, in the audit log, and shown with what comes next.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.peers.peer import Awaited, Peer
from bench.peers.temporal_bare import persisting
from bench.product import FORM, ROOT, Product, pid_of, prepare
from local.processes import ending_with_parent, free_port
from models.identifiers import Draw
from models.messages.procedure import Command

_TASK_QUEUE = "bench-ours"
_AGAIN = {httpx2.codes.ACCEPTED, httpx2.codes.SERVICE_UNAVAILABLE}
_PAUSE = 0.2  # seconds
DESK = "desk@bench.example"


class Ours(Peer):
    """Its API and worker are processes of ours, beside those of `tetsuzuki up` and with the same settings."""

    name = "ours"
    title = "Tetsuzuki, its service application over HTTP"

    async def set_up(self) -> None:
        running = self.site.running
        port = free_port()
        settings = {
            "TETSUZUKI_TEMPORAL_TASK_QUEUE": _TASK_QUEUE,
            "TETSUZUKI_API_PORT": str(port),
            "TETSUZUKI_SMTP__PORT": str(self.site.smtp_port),
        }
        self._environment = psutil.Process(pid_of(running, "Worker 1")).environ() | settings
        self._api = self._start_api(self.site.logs / "api.log")
        self._product: Product = await prepare(running)
        limits = httpx2.Limits(max_connections=100)
        self._client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits)

    @property
    def worker_command(self) -> list[str]:
        return [sys.executable, "-m", "cli", "worker"]

    @property
    def worker_environment(self) -> Mapping[str, str]:
        return self._environment

    @property
    def servers(self) -> Mapping[str, int]:
        return {"Temporal": pid_of(self.site.running, "Temporal"), "API": self._api.pid}

    async def begin(self, key: str) -> str:
        company = FORM["company"] | {"mail_address": self.invitation(key).recipient}
        users = [FORM["portal_users"][0] | {"mail_address": self._user(key)}]
        form = FORM | {"company": company, "portal_users": users}
        submitted = await self._post(f"/v1/apply/{self._product.invitation}", form)
        return str(submitted["application_number"])

    async def make_ready(self, process: str) -> None:
        procedure = f"service-application-{self._product.tenant_id}-{process}"
        handle = self._product.temporal.get_workflow_handle(procedure)
        command = Command(command_id="confirm", actor="applicant")
        await persisting(lambda: handle.execute_update("confirm", command, id="confirm"))

    async def decide(self, process: str) -> None:
        await self._post(f"/v1/tenants/{self._product.tenant_id}/applications/{process}/approve", {})

    def welcome(self, key: str) -> Awaited:
        """The result, to whoever was mailed the invitation. Their user's mail is a later procedure's."""
        return Awaited(self.invitation(key).recipient, 3)

    def last_mails(self, key: str) -> Sequence[Awaited]:
        return [self.welcome(key), Awaited(self._user(key))]

    def due_mails(self, key: str) -> Mapping[str, int]:
        return {self.invitation(key).recipient: 3, self._user(key): 1, DESK: 2}

    async def close(self) -> None:
        await self._client.aclose()
        self._api.terminate()
        self._api.wait()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """As clients should: one key for a wish, repeated until the answer is final."""
        headers = self._product.staff | {"Idempotency-Key": Draw().opaque_id()}
        while True:
            with contextlib.suppress(httpx2.TransportError):
                answer = await self._client.post(path, json=body, headers=headers)
                if answer.status_code not in _AGAIN:
                    return dict(answer.raise_for_status().json())
            await asyncio.sleep(_PAUSE)

    def _start_api(self, log: Path) -> "subprocess.Popen[bytes]":
        command = ending_with_parent([sys.executable, "-m", "cli", "api"], stop_signal=signal.SIGTERM)
        with log.open("ab") as output:
            return subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=output, stderr=output)

    def _user(self, key: str) -> str:
        return f"user-{key}@{self.name}.example"
