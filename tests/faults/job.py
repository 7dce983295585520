"""The main job, as its people do it: apply, confirm, hold, approve, register; each step once, and in order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tests.faults.client import Client, Json, Operation
from tests.faults.site import TENANT, Site

STEPS = ("apply", "confirm", "hold", "approve", "register")
Step = Callable[[], Coroutine[Any, Any, Operation]]
PASSWORD = "Main-Job-4711-pass"


class Job:
    """One application, whose company has two portal users: the first registers, the second never does."""

    def __init__(self, site: Site, name: str, *, steps: tuple[str, ...] = STEPS) -> None:
        self.name = name
        self.steps = steps
        self.applicant = f"{name}-applicant@customer.example"
        self.registers = f"{name}-registers@customer.example"
        self.lingers = f"{name}-lingers@customer.example"
        self.number: str | None = None
        self._site = site
        self._begun: dict[str, asyncio.Task[Operation]] = {}

    @property
    def _client(self) -> Client:
        return self._site.client

    def begin(self, step: str) -> asyncio.Task[Operation]:
        """Do the step, in the background; the same one however often it is begun."""
        if step not in self._begun:
            acts: dict[str, Step] = {
                "apply": self._apply,
                "confirm": self._confirm,
                "hold": lambda: self._decide("hold"),
                "approve": lambda: self._decide("approve"),
                "register": self._register,
            }
            self._begun[step] = asyncio.create_task(acts[step]())
        return self._begun[step]

    async def ready_for(self, step: str) -> None:
        """Do everything before the step, and have in hand what it needs."""
        for earlier in self.steps[: self.steps.index(step)]:
            await self.ready_for(earlier)
            await asyncio.shield(self.begin(earlier))  # whoever stops waiting does not stop the step
        needs: dict[str, Callable[[], Awaitable[object]]] = {
            "confirm": lambda: self._site.sink.wait_for(self.applicant),
            "register": lambda: self._site.sink.wait_for(self.registers),
        }
        if step in needs:
            await needs[step]()

    async def until(self, step: str) -> None:
        await self.ready_for(step)
        await asyncio.shield(self.begin(step))

    async def finish(self) -> None:
        await self.until(self.steps[-1])

    async def _apply(self) -> Operation:
        path = f"/v1/apply/{self._site.invitation}"
        operation = await self._client.post(self.name, "apply", path, self._form())
        self.number = operation.answer.get("application_number")
        return operation

    async def _confirm(self) -> Operation:
        mail = await self._site.sink.wait_for(self.applicant)
        return await self._client.press(self.name, "confirm", mail.link, asks_for="confirm")

    async def _decide(self, decision: str) -> Operation:
        path = f"/v1/tenants/{TENANT}/applications/{self.number}/{decision}"
        return await self._client.post(self.name, decision, path, {"memo1": decision})

    async def _register(self) -> Operation:
        mail = await self._site.sink.wait_for(self.registers)
        passwords = {"password": PASSWORD, "password_confirmation": PASSWORD}
        return await self._client.press(self.name, "register", mail.link, asks_for="password", fields=passwords)

    def _form(self) -> Json:
        place = {
            "company_name": f"{self.name} 商事",
            "last_name": "山田",
            "first_name": "太郎",
            "postal_code": "105-0011",
            "prefecture": "東京都",
            "address": "港区芝公園4-2-8",
            "phone_number": "0312345678",
        }
        return {
            "company": place | {"mail_address": self.applicant},
            "utm_destinations": [place | {"quantity": 2}],
            "portal_users": [
                {"last_name": "山田", "first_name": "花子", "mail_address": address}
                for address in (self.registers, self.lingers)
            ],
        }
