"""A device and its restarts, the sessions it begins, and the contracts of a company."""

from datetime import datetime

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import select

from models.tables.devices import RemoteSupport
from tests.contracts_model.plain import PlainContract
from tests.machine.paper import DAY, MINUTE
from tests.machine.paper_approvals import Support
from tests.machine.paper_restarts import Contract, Restarts, local, slot_after
from tests.machine.play import MOST, PICK, Play
from tests.machine.stage import CUSTOMER
from tests.support_desk import CREDENTIALS

_SAID = st.sampled_from(("started", "succeeded", "succeeded", "failed"))


class DeviceScenes(Play):
    _heard_at: datetime | None = None

    @property
    def _restarts(self) -> Restarts:
        for page in self.all(Restarts):
            return page
        page = Restarts(f"restart-{self.stage.tenant_id}-{self.stage.device.utm_id}", customer=CUSTOMER)
        self.put(page)
        return page

    @rule(ahead=st.sampled_from((1, 2, 100)))
    def staff_schedule_a_restart(self, ahead: int) -> None:
        self.do(self._schedule, ahead)

    @rule(is_online=st.booleans())
    def staff_restart_at_once(self, *, is_online: bool) -> None:
        self.do(self._restart, is_online=is_online)

    @precondition(lambda self: self.all(Restarts))
    @rule()
    def staff_cancel_the_restart(self) -> None:
        self.do(self._cancel_restart)

    @rule()
    def the_device_asks_what_to_do(self) -> None:
        self.do(self._poll)

    @precondition(lambda self: self.all(Restarts))
    @rule(said=_SAID)
    def the_device_tells_of_its_restart(self, said: str) -> None:
        self.do(self._report_restart, said)

    @precondition(lambda self: any(page.order for page in self.all(Support)))
    @rule(pick=PICK, said=_SAID)
    def the_device_tells_of_the_session(self, pick: int, said: str) -> None:
        self.do(self._report_session, self.one(Support, pick), said)

    @precondition(lambda self: self.all(Support))
    @rule()
    def the_device_ends_the_session(self) -> None:
        self.do(self._end_at_device)

    async def _schedule(self, ahead: int) -> None:
        at, restarts = await self.stage.now(), self._restarts
        slot = slot_after(at + MINUTE, ahead)
        answer = await self.stage.post(f"{self.stage.device.url}/restart", {"when": slot.isoformat()}, self.stage.staff)
        is_done = restarts.schedule(slot, at)
        assert answer.status_code == (202 if is_done else 409), answer.text

    async def _restart(self, *, is_online: bool) -> None:
        at = await self.stage.now()
        if not is_online and self._heard_at is not None and at - self._heard_at < 6 * MINUTE:
            return
        if is_online:
            await self._heartbeat()
        answer = await self.stage.post(f"{self.stage.device.url}/restart", {"when": "now"}, self.stage.staff)
        code = "ok" if answer.status_code == 202 else answer.json()["code"]
        assert code == self._restarts.at_once(at, is_online=is_online), answer.text

    async def _cancel_restart(self) -> None:
        at = await self.stage.now()
        answer = await self.stage.api.delete(f"{self.stage.device.url}/restart", headers=self.stage.staff)
        assert answer.status_code == (200 if self._restarts.cancel(at) else 409), answer.text

    async def _heartbeat(self) -> None:
        said = {"version": "1.0", "ip_address": "192.0.2.1"}
        answer = await self.stage.api.post("/v1/device/heartbeat", json=said, headers=self.stage.device.headers)
        assert answer.status_code == 200, answer.text
        self._heard_at = await self.stage.now()

    async def _poll(self) -> None:
        """The device is told what is first, if it is busy with nothing."""
        at = await self.stage.now()
        answer = await self.stage.api.get("/v1/device/commands?wait=0", headers=self.stage.device.headers)
        offers = [offer for page in self.stage.pages for offer in page.offers(at)]
        is_busy = any(page.is_busy for page in self.stage.pages)
        first = None if is_busy or not offers else min(offers, key=lambda offer: offer.since)
        told = [command["kind"] for command in answer.json()["commands"]]
        assert told == ([first.kind] if first else []), f"{told}, on paper {first}"
        if first:
            first.take()

    async def _report_restart(self, said: str) -> None:
        restarts = self._restarts
        if not restarts.is_under_way or (said == "started" and restarts.state != "requested"):
            return
        await self._poll()
        if not restarts.is_taken:
            return
        at = await self.stage.now()
        url = f"/v1/device/commands/{await self._restart_id()}/result"
        answer = await self.stage.api.post(url, json={"state": said}, headers=self.stage.device.headers)
        assert answer.status_code == (200 if restarts.report(said, at) else 409), answer.text

    async def _restart_id(self) -> str:
        """Of the one under way."""
        answer = await self.stage.api.get(f"{self.stage.device.url}/restarts", headers=self.stage.staff)
        [found] = [one for one in answer.json()["items"] if one["state"] in ("requested", "in_progress")]
        return str(found["restart_id"])

    async def _report_session(self, page: Support, said: str) -> None:
        if not page.order or (said == "started" and page.is_begun):
            return
        command_id = await self._session_command(page)
        if not page.is_taken:
            return
        at = await self.stage.now()
        body = {"state": said} | (CREDENTIALS if (page.order, said) == ("start", "succeeded") else {})
        url = f"/v1/device/commands/{command_id}/result"
        answer = await self.stage.api.post(url, json=body, headers=self.stage.device.headers)
        assert answer.status_code == (200 if page.report(said, at) else 409), answer.text

    async def _session_command(self, page: Support) -> str:
        """What the device was told by it; it asks first, if it has not yet."""
        await self._poll()
        query = select(RemoteSupport.command_id).where(RemoteSupport.request_id == page.request_id)
        async with self.stage.database.transaction(self.stage.tenant_id) as connection:
            return str(await connection.scalar(query))

    async def _end_at_device(self) -> None:
        at = await self.stage.now()
        answer = await self.stage.api.post("/v1/device/remote-support/end", headers=self.stage.device.headers)
        running = [page for page in self.all(Support) if page.state == "running"]
        assert answer.status_code == (200 if running else 404), answer.text
        for page in running:
            page.end(at, by_device=True)


class ContractScenes(Play):
    @precondition(lambda self: len(self.all(Contract)) < MOST)
    @rule(begins=st.sampled_from((0, 3)), initial=st.sampled_from((1, 12)), renewal=st.sampled_from((0, 1, 12)))
    def a_contract_is_applied_for(self, begins: int, initial: int, renewal: int) -> None:
        self.begin(self._apply_for_contract, begins, initial, renewal)

    @precondition(lambda self: self.all(Contract))
    @rule(pick=PICK, days=st.sampled_from((0, 1, 10, 40)), with_fee=st.booleans())
    def staff_cancel_a_contract(self, pick: int, days: int, *, with_fee: bool) -> None:
        self.do(self._cancel_contract, self.one(Contract, pick), days, with_fee=with_fee)

    @precondition(lambda self: self.all(Contract))
    @rule(pick=PICK, days=st.sampled_from((0, 1, 10, 40)))
    def staff_move_a_cancellation(self, pick: int, days: int) -> None:
        self.do(self._move, self.one(Contract, pick), days)

    @precondition(lambda self: self.all(Contract))
    @rule(pick=PICK)
    def staff_undo_a_cancellation(self, pick: int) -> None:
        self.do(self._undo, self.one(Contract, pick))

    async def _apply_for_contract(self, begins: int, initial: int, renewal: int) -> None:
        stage, at = self.stage, await self.stage.now()
        start = local(at).date() + begins * DAY
        body = {
            "start_date": start.isoformat(),
            "initial_term": {"value": initial, "unit": "month"},
            "renewal_term": {"value": renewal, "unit": "month"},
            "product_id": stage.plan["product_id"],
            "rate_plans": [{"rate_plan_id": stage.plan["rate_plan_id"], "quantity": 1}],
        }
        answer = await stage.post(f"{stage.url}/customers/{stage.company}/contracts", body, stage.staff)
        assert answer.status_code == 201, answer.text
        plain = PlainContract(
            start=start,
            initial=initial,
            renewal=renewal,
            utm_ids=(),
            includes_utm=True,
            monthly=3000,
            is_business_day=stage.is_business_day,
        )
        procedure_id = f"contract-{stage.tenant_id}-{answer.json()['contract_number']}"
        self.put(Contract(procedure_id, at, plain=plain, notified=stage.notified))

    async def _cancel_contract(self, page: Contract, days: int, *, with_fee: bool) -> None:
        at = local(await self.stage.now())
        day = at.date() + days * DAY
        code = await self._ask(page, "cancel", cancellation_date=day.isoformat(), charge_fee=with_fee)
        assert code == page.plain.cancel(day, at, with_fee=with_fee), f"{code} for {day} at {at}"

    async def _move(self, page: Contract, days: int) -> None:
        at = local(await self.stage.now())
        day = at.date() + days * DAY
        code = await self._ask(page, "reschedule-cancellation", cancellation_date=day.isoformat())
        assert code == page.plain.move(day, at), f"{code} for {day} at {at}"

    async def _undo(self, page: Contract) -> None:
        at = local(await self.stage.now())
        code = await self._ask(page, "undo-cancellation")
        assert code == page.plain.undo(at), f"{code} at {at}"

    async def _ask(self, page: Contract, act: str, **body: object) -> str | None:
        """None when it is done, else the code of the refusal."""
        url = f"{self.stage.url}/customers/{self.stage.company}/contracts/{page.number}/{act}"
        answer = await self.stage.post(url, body, self.stage.staff)
        code: str | None = answer.json().get("code")
        return code
