"""Approvals by mail link as their people live them: remote support from request to end, viewer access to revocation."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from models.identifiers import Draw
from tests.faults import device_yard
from tests.faults.client import Json, Operation
from tests.faults.device_yard import DeviceYard, customer_of
from tests.faults.job import Job, Step
from tests.faults.site import Site
from tests.viewer_pc import TOKEN
from tests.world import eventually

ENDED_BY_THE_DESK = ("request", "approve", "end")
ENDED_BY_TIME = ("request", "approve", "run_out")
VIEWER = ("ask", "approve", "enter", "enter_again", "read", "revoke", "read_again")
MUST_FAIL = {"enter_again", "read_again"}
"""A token is good for one use, a revoked credential for none."""
SETTINGS = device_yard.SETTINGS | {
    f"TETSUZUKI_RATE_LIMITS__{name}": "1000000/minute"
    for name in ("VIEWER_REQUEST_PER_CLIENT", "VIEWER_TOKEN_PER_CLIENT")
}
SETTINGS["TETSUZUKI_DURATIONS__MAIL_LEASE"] = "PT8S"
"""Instead of 20 seconds: how long a mail waits whose sender has died."""
_SHORTEST = timedelta(minutes=1)
"""Of sessions that end at their time."""
_JUST_BEFORE = timedelta(seconds=2)
_PATIENCE = 90  # seconds from the last fault
_ADMINISTRATOR: LiteralString = (
    "INSERT INTO administrators (tenant_id, administrator_id, customer_id, name, mail_address, created_at)"
    " VALUES (%s, %s, %s, '山田', %s, now())"
)
_DESK: LiteralString = "UPDATE utms SET service_desk_addresses = %s WHERE tenant_id = %s"
_SENT: LiteralString = "SELECT count(*) AS count FROM mails WHERE state = 'sent' AND template = ANY(%s)"
_ENDS_AT: LiteralString = "SELECT ends_at FROM remote_supports"


class ApprovalYard(DeviceYard):
    def __init__(self, site: Site) -> None:
        super().__init__(site, series=83)

    async def open_company(self, *, administrators: list[str], desk: str | None) -> tuple[str, str | None]:
        """A tenant's company with those administrators. Returns the tenant, and the device where there is a `desk`."""
        tenant_id, utm_ids = await self.open(1 if desk else 0)
        async with self.rows_of(tenant_id) as connection:
            for address in administrators:
                row = (tenant_id, Draw().opaque_id(), customer_of(tenant_id), address)
                await connection.execute(_ADMINISTRATOR, row)
            await connection.execute(_DESK, (Jsonb([desk]), tenant_id))
        return tenant_id, next(iter(utm_ids), None)

    async def row(self, tenant_id: str, query: LiteralString, *values: object) -> dict[str, Any] | None:
        """None also while the database is away."""
        try:
            async with self.rows_of(tenant_id) as connection:
                return await (await connection.execute(query, values)).fetchone()
        except psycopg.OperationalError:
            return None


class ApprovalJob(Job):
    """A company of its own with two administrators: the first decides, the second reads that it is settled."""

    def __init__(self, site: Site, name: str, yard: ApprovalYard, *, steps: tuple[str, ...]) -> None:
        super().__init__(site, name, steps=steps)
        self.tenant_id = ""
        self.utm_id: str | None = None
        self.request_id = ""
        self.decides, self.reads = f"{name}-decides@customer.example", f"{name}-reads@customer.example"
        self.asks = f"{name}-asks@elsewhere.example"
        """The support desk, or the person at the PC."""
        self._yard = yard

    @property
    def addresses(self) -> dict[str, str]:
        return {"decides": self.decides, "reads": self.reads, "asks": self.asks}

    @property
    def must_succeed(self) -> tuple[str, ...]:
        return tuple(step for step in self.steps if step not in MUST_FAIL)

    async def _open(self, *, desk: str | None = None) -> None:
        if not self.tenant_id:
            opened = await self._yard.open_company(administrators=[self.decides, self.reads], desk=desk)
            self.tenant_id, self.utm_id = opened

    async def _approve(self) -> Operation:
        mail = await self._site.sink.wait_for(self.decides)
        return await self._client.press(
            self.name, "approve", mail.link, asks_for="decision", fields={"decision": "approve"}
        )

    async def _have_read(self, count: int, *templates: str) -> None:
        """What is settled leaves unsent whatever mail it makes untrue: that is not what is tested here."""

        async def all_are_sent() -> bool:
            row = await self._yard.row(self.tenant_id, _SENT, [*templates])
            return row is not None and row["count"] == count

        await eventually(all_are_sent, patience=_PATIENCE)


class SupportJob(ApprovalJob):
    """One device and its support desk, which ends the session, or lets its time run out."""

    def acts(self) -> dict[str, Step]:
        return {"request": self._request, "approve": self._approve, "end": self._end, "run_out": self._run_out}

    def needs(self) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "request": lambda: self._open(desk=self.asks),
            "approve": lambda: self._have_read(2, "approval_request"),
            "end": self._have_the_password,
            "run_out": self._until_just_before_its_end,
        }

    async def _request(self) -> Operation:
        body: Json = {"utm_id": self.utm_id, "reason": "通信が遅い", "desk_operator": "佐藤 花子"}
        if "run_out" in self.steps:
            body["duration_minutes"] = _SHORTEST // timedelta(minutes=1)
        path = "/v1/support/remote-support"
        operation = await self._client.post(self.name, "request", path, body, headers=self._site.operator)
        self.request_id = operation.answer.get("request_id", "")
        return operation

    async def _end(self) -> Operation:
        path = f"/v1/support/remote-support/{self.request_id}/end"
        return await self._client.post(self.name, "end", path, {}, headers=self._site.operator)

    async def _run_out(self) -> Operation:
        """Nobody does anything; it is answered when the desk reads that it is over."""
        path = f"/v1/support/remote-support/{self.request_id}"
        shows_it = '"ended_by":"duration"'
        return await self._client.read(self.name, "run_out", path, headers=self._site.operator, until=shows_it)

    async def _have_the_password(self) -> None:
        await self._have_read(3, "remote_support_session", "remote_support_session_desk")

    async def _until_just_before_its_end(self) -> None:
        await self._have_the_password()
        row = await self._yard.row(self.tenant_id, _ENDS_AT)
        assert row is not None
        due: datetime = row["ends_at"] - _JUST_BEFORE
        await eventually(lambda: datetime.now(UTC) >= due, patience=_SHORTEST.total_seconds())


class ViewerJob(ApprovalJob):
    """One PC. `credential`: once the token has been entered."""

    def __init__(self, site: Site, name: str, yard: ApprovalYard) -> None:
        super().__init__(site, name, yard, steps=VIEWER)
        self.credential = ""
        self._pc = f"{name}-pc"

    def acts(self) -> dict[str, Step]:
        return {
            "ask": self._ask,
            "approve": self._approve,
            "enter": self._enter,
            "enter_again": lambda: self._post_token("enter_again"),
            "read": lambda: self._read("read"),
            "revoke": self._revoke,
            "read_again": lambda: self._read("read_again"),
        }

    def needs(self) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "ask": self._open,
            "approve": lambda: self._have_read(2, "approval_request"),
            "enter": lambda: self._have_read(1, "viewer_token"),
        }

    async def _ask(self) -> Operation:
        body = {
            "company_code": customer_of(self.tenant_id),
            "name": "閲覧 次郎",
            "mail_address": self.asks,
            "pc_name": self._pc,
            "pc_fingerprint": self._pc,
        }
        operation = await self._client.post(self.name, "ask", "/v1/viewer/requests", body)
        self.request_id = operation.answer.get("request_id", "")
        return operation

    async def _enter(self) -> Operation:
        operation = await self._post_token("enter")
        self.credential = operation.answer.get("credential", "")
        return operation

    async def _post_token(self, act: str) -> Operation:
        token = TOKEN.search((await self._site.sink.wait_for(self.asks)).text)
        body = {"token": token.group() if token else "", "pc_fingerprint": self._pc}
        return await self._client.post(self.name, act, f"/v1/viewer/requests/{self.request_id}/token", body)

    async def _read(self, act: str) -> Operation:
        headers = {"Authorization": f"Bearer {self.credential}", "X-PC-Fingerprint": self._pc}
        return await self._client.read(self.name, act, "/v1/viewer/data", headers=headers)

    async def _revoke(self) -> Operation:
        company = f"/v1/tenants/{self.tenant_id}/customers/{customer_of(self.tenant_id)}"
        return await self._client.delete(self.name, "revoke", f"{company}/viewers/{self.request_id}")
