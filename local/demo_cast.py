"""Everybody in the demo: they call the API, read the inbox, open pages, and let time pass. Clients, all of them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import psutil
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper

from local.carrier_journey import Telling
from local.carrier_workflow import LocalCarrier, workflow_id
from local.patient_client import PatientTransport
from local.processes import PartFailedError
from local.stack_plan import Addresses
from local.visitor import Visitor
from models.identifiers import digest

Json = dict[str, Any]
_PATIENCE = 30  # seconds
_PATIENCE_WITH_A_YEAR = 180


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
    @contextlib.asynccontextmanager
    async def met(cls, addresses: Addresses, folder: Path) -> AsyncIterator["Cast"]:
        """`folder`: of the stack with these addresses."""
        visitor = Visitor()
        async with httpx2.AsyncClient(
            base_url=addresses.api_url, timeout=_PATIENCE, transport=PatientTransport()
        ) as api:
            yield cls(addresses, folder, api, visitor, await _engine(addresses.temporal_address))
        await visitor.close()

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str,
        occasion: str = "",
        patience: float = _PATIENCE,
    ) -> Json:
        """Call the API as whoever has the key, as a good client does: again when it was not taken or is not done.

        `occasion`: tells two wishes apart that are alike in all else.
        """
        # The idempotency key makes the repetition harmless (GEN-03).
        wish = digest(json.dumps([path, body, occasion]))
        once = {"Idempotency-Key": f"demo {wish}"} if method == "POST" else {}
        headers = {"Authorization": f"Bearer {key}", **once}
        async with asyncio.timeout(patience):
            while True:
                answer = await self.api.request(method, path, json=body, headers=headers)
                if method == "POST" and _is_under_way(answer):
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

    async def now(self) -> datetime:
        """The world clock's time, in a rehearsal."""
        clock = await self.call("GET", "/v1/rehearsal/clock", key=self.addresses.operator_key)
        return datetime.fromisoformat(clock["now"])

    async def jump(self, to: datetime) -> None:
        """Move a rehearsal's world to the instant; everything due by then has been done afterwards."""
        wish, key = {"to": to.isoformat()}, self.addresses.operator_key
        done = await self.call("POST", "/v1/rehearsal/advance", wish, key=key, patience=_PATIENCE_WITH_A_YEAR)
        if done["unfinished"]:
            raise DemoFailedError(f"By {to} these were not done: {done['unfinished']}")

    def kill(self, part: str) -> int:
        """`kill -9` a part of the stack. Returns its process id."""
        processes = json.loads((self.folder / "processes.json").read_text())
        pid = int(processes[part]["pid"])
        psutil.Process(pid).kill()
        return pid

    async def in_inbox(self, sent: Json) -> Json:
        """The mail as its reader has it; `sent`: as the ledger has it."""
        answer = await self.api.get(f"{self.addresses.inbox_url}/api/mails", params={"to": sent["to"], "limit": 1000})
        found: list[Json] = answer.json()["items"]
        return next(mail for mail in found if mail["message_id"] == sent["message_id"])

    async def said_by_carrier(self, shipment_id: str) -> list[Telling]:
        """Everything that the local carrier has told of a parcel, in its order."""
        parcel = self.temporal.get_workflow_handle(workflow_id(shipment_id))
        return await parcel.query(LocalCarrier.told)

    def mail_page(self, mail: Json) -> str:
        return f"{self.addresses.inbox_url}/mails/{mail['id']}"

    def web_ui(self, procedure_id: str) -> str:
        return f"{self.addresses.temporal_ui_url}/namespaces/default/workflows/{procedure_id}"


def _is_under_way(answer: httpx2.Response) -> bool:
    """It was taken, and is not recorded yet."""
    return answer.status_code == HTTPStatus.ACCEPTED and bool(answer.json().get("state") == "accepted")


async def _engine(address: str) -> Client:
    return await Client.connect(address, data_converter=pydantic_data_converter)
