"""The main job, as its people do it: apply, confirm, hold, approve, register."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults.client import Json, Operation
from tests.faults.evidence import Expected
from tests.faults.job import Job, Step
from tests.faults.site import TENANT, Site

STEPS = ("apply", "confirm", "hold", "approve", "register")
PASSWORD = "Main-Job-4711-pass"


class MainJob(Job):
    """One application, whose company has two portal users: the first registers, the second never does."""

    def __init__(self, site: Site, name: str, *, steps: tuple[str, ...] = STEPS) -> None:
        super().__init__(site, name, steps=steps)
        self.applicant = f"{name}-applicant@customer.example"
        self.registers = f"{name}-registers@customer.example"
        self.lingers = f"{name}-lingers@customer.example"
        self.number: str | None = None

    @property
    def addresses(self) -> dict[str, str]:
        return {"applicant": self.applicant, "registers": self.registers, "lingers": self.lingers}

    def acts(self) -> dict[str, Step]:
        return {
            "apply": self._apply,
            "confirm": self._confirm,
            "hold": lambda: self._decide("hold"),
            "approve": lambda: self._decide("approve"),
            "register": self._register,
        }

    def needs(self) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "confirm": lambda: self._site.sink.wait_for(self.applicant),
            "register": lambda: self._site.sink.wait_for(self.registers),
        }

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


def expected_of(job: MainJob, *, also: tuple[str, ...] = (), **otherwise: Any) -> Expected:
    """All that the job wishes must come true. `also`: more than its steps; `otherwise`: what differs from the usual."""
    return Expected(job.name, job.applicant, job.registers, job.lingers, acts=(*job.steps, *also), **otherwise)
