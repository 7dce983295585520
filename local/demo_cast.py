"""Everybody in the demo: they call the API, read the inbox, open pages, and let time pass. Clients, all of them."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from local.processes import PartFailedError
from local.stack_plan import Addresses
from local.visitor import Visitor
from models.identifiers import digest

Json = dict[str, Any]
_PATIENCE = 30  # seconds


class DemoFailedError(PartFailedError):
    """Something did not happen that the demo promises."""


@dataclass
class Cast:
    addresses: Addresses
    folder: Path
    api: httpx2.AsyncClient
    visitor: Visitor
    temporal: Client

    @classmethod
    async def meet(cls, addresses: Addresses, folder: Path) -> "Cast":
        return cls(
            addresses=addresses,
            folder=folder,
            api=httpx2.AsyncClient(base_url=addresses.api_url, timeout=30),
            visitor=Visitor(),
            temporal=await Client.connect(addresses.temporal_address),
        )

    async def leave(self) -> None:
        await self.api.aclose()
        await self.visitor.close()

    async def call(self, method: str, path: str, body: Json | None = None, *, key: str) -> Json:
        """Call the API as whoever has the key, as a good client does: again when it was not taken or is not done."""
        # The idempotency key makes the repetition harmless (GEN-03).
        wish = digest(json.dumps([path, body]))
        once = {"Idempotency-Key": f"demo {wish}"} if method == "POST" else {}
        headers = {"Authorization": f"Bearer {key}", **once}
        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    answer = await self.api.request(method, path, json=body, headers=headers)
                except httpx2.TransportError:
                    await asyncio.sleep(0.2)
                    continue
                if answer.status_code in {202, 503} and method == "POST":
                    await asyncio.sleep(0.5)
                    continue
                if answer.is_error:
                    raise DemoFailedError(f"{method} {path} answered {answer.status_code}: {answer.text}")
                found: Json = answer.json() if answer.content else {}
                return found

    async def mail(self, recipient: str, words: str = "", *, count: int = 1) -> Json:
        """The newest mail to the recipient whose text has the words, once there are `count` of them."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                answer = await self.api.get(f"{self.addresses.inbox_url}/api/mails", params={"to": recipient})
                items = answer.json()
                mails = [
                    mail for mail in (items["items"] if isinstance(items, dict) else items) if words in mail["text"]
                ]
                if len(mails) >= count:
                    newest: Json = mails[0]
                    return newest
                await asyncio.sleep(0.1)

    async def state(self, path: str, field: str, wanted: str, *, key: str) -> Json:
        """Read it until it says what is wanted."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                found = await self.call("GET", path, key=key)
                if found[field] == wanted:
                    return found
                await asyncio.sleep(0.1)

    async def once_there(self, path: str, *, key: str) -> Json:
        """Read what a procedure makes after its answer, as soon as it has."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                with contextlib.suppress(DemoFailedError):
                    return await self.call("GET", path, key=key)
                await asyncio.sleep(0.1)

    async def pass_time(self, procedure_id: str, by: timedelta) -> None:
        """Move one procedure's clock ahead, on the running engine."""
        handle = self.temporal.get_workflow_handle(procedure_id)
        async with asyncio.timeout(_PATIENCE):
            await TimeSkipper(self.temporal).fast_forward(handle, by)

    def kill(self, part: str) -> int:
        """`kill -9` a part of the stack. Returns its process id."""
        processes = json.loads((self.folder / "processes.json").read_text())
        pid = int(processes[part]["pid"])
        psutil.Process(pid).kill()
        return pid

    def mail_page(self, mail: Json) -> str:
        return f"{self.addresses.inbox_url}/mails/{mail['id']}"

    def web_ui(self, procedure_id: str) -> str:
        return f"{self.addresses.temporal_ui_url}/namespaces/default/workflows/{procedure_id}"
