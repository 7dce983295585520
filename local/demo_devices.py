"""The demo's third act: ten UTMs, and when they restart. Devices go by real time, the slots by the world clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from local.demo_cast import DemoFailedError, Json
from local.demo_fleet import FleetCommand, ended_well
from local.demo_narration import Narrator, minute
from local.demo_office import COMPANY, Office, in_japan
from local.device_processes import DeviceProcesses
from models.rules.restarts import spread

_CHAIN = COMPANY | {"company_name": "ひかりストア", "mail_address": "it@hikari-store.example"}
ALERTS = "alerts@hikari-store.example"
_SHOPS = ("札幌", "仙台", "新宿", "渋谷", "横浜", "名古屋", "京都", "梅田", "広島", "博多")
_SLOT = timedelta(minutes=15)
_GIVEN_UP_AFTER = timedelta(minutes=15, seconds=5)
_PUNCTUAL = timedelta(seconds=5)
_PER_SLOT = 4
_PATIENCE = 30  # seconds
_LOOK_EVERY = 0.1


class DeviceStory:
    """`office`: staff whose customer in this act is a chain of ten shops."""

    def __init__(self, office: Office, narrator: Narrator, devices: DeviceProcesses) -> None:
        self._office = office
        self._narrator = narrator
        self._devices = devices
        self._tokens: dict[str, str] = {}

    async def tell(self) -> tuple[Office, str]:
        """Returns the chain's office, and one of its UTMs, plugged in."""
        self._narrator.act("Third act: ten devices, and when they restart")
        await self._plug_in()
        self._three = _three_in_the_morning(await self._office.cast.now())
        now, scheduled, punctual, unplugged, *_ = self._tokens
        await self._restart_now(now)
        await self._change_ones_mind(scheduled)
        await self._come_to_the_slot(punctual, unplugged)
        await self._restart_all(unplugged)
        return self._office, punctual

    async def _plug_in(self) -> None:
        self._office = replace(
            self._office, customer=(await self._office.ask("POST", "/customers", _CHAIN))["customer_id"]
        )
        [product] = (await self._office.products())["items"]
        today = in_japan(await self._office.cast.now()).date()
        contract = await self._office.apply(product, today, quantity=len(_SHOPS))
        await _until(lambda: self._is_in_force(contract["contract_number"]))
        for number, shop in enumerate(_SHOPS):
            utm = await self._office.register_utm(
                utm_id=f"b0b1b2b3b4{number:02x}",
                serial_number=f"SN-2026-1000000{number}",
                name=f"{shop}店",
                customer_addresses=[ALERTS],
            )
            self._tokens[utm["utm_id"]] = utm["device_token"]
        for utm_id in self._tokens:
            self._plug(utm_id)
        await self._come_online()
        await self._narrator.step(
            f"Another customer, {self._office.customer}, has ten shops with a UTM each: ten processes of their own, "
            "which know nothing but the device API and a token. All are online."
        )

    async def _restart_now(self, utm_id: str) -> None:
        began = time.monotonic()
        state = (await self._ask(utm_id, "now"))["state"]
        last = await self._last(utm_id, "succeeded")
        await self._narrator.step(
            f"{utm_id}, restart now: {state}. {time.monotonic() - began:.1f} seconds later the device has restarted, "
            f"and the status says: {last['state']}, {minute(last['at'])}."
        )

    async def _change_ones_mind(self, utm_id: str) -> None:
        at = self._three
        await self._ask(utm_id, at)
        await self._narrator.step(f"{utm_id} is scheduled for {minute(at)}.", await self._mail("scheduled", 1))
        again = await self._ask(utm_id, at + _SLOT)
        await self._narrator.step(
            f"Rather at {minute(again['at'])}: that replaces {minute(again['replaced_at'])}.",
            await self._mail("scheduled", 2),
        )
        cancelled = await self._office.of_customer("DELETE", f"/utms/{utm_id}/restart")
        await self._narrator.step(
            f"Or not at all: {cancelled['state']}; the device never hears of it.", await self._mail("cancelled", 1)
        )

    async def _come_to_the_slot(self, punctual: str, unplugged: str) -> None:
        at = self._three
        await self._ask(punctual, at)
        await self._ask(unplugged, at + _SLOT)
        pid = self._devices.unplug(unplugged)
        await self._narrator.step(
            f"{punctual} shall restart at {minute(at)} and {unplugged} a quarter of an hour later; "
            f"but somebody pulls the plug of {unplugged} (process {pid})."
        )
        await self._office.jump(at)
        last = await self._last(punctual, "succeeded")
        [restart, *_] = (await self._office.of_customer("GET", f"/utms/{punctual}/restarts"))["items"]
        late = datetime.fromisoformat(restart["begun_at"]) - at
        if late > _PUNCTUAL:
            raise DemoFailedError(f"The device began {late} after its slot.")
        await self._narrator.step(
            f"The clock runs to the slot, and {punctual} begins on time. The status says: {last['state']}."
        )
        await self._office.jump(at + _SLOT + _GIVEN_UP_AFTER)
        failed = await self._last(unplugged, "failed")
        await self._narrator.step(
            f"From {minute(at + _SLOT)} on {unplugged} had a quarter of an hour to take its command, and is not there. "
            f"The status says: {failed['state']}, {failed['reason']}.",
            await self._mail("failed", 1),
        )
        procedure_id = f"restart-{self._office.tenant}-{unplugged}"
        events = await self._office.timeline(procedure_id)
        self._narrator.lines([f"{minute(event['at'])}  {event['text']}" for event in events])
        await self._narrator.show()

    async def _restart_all(self, unplugged: str) -> None:
        self._plug(unplugged)
        await self._come_online()
        first = self._three + timedelta(hours=1)
        command = FleetCommand(self._office, at=first, per_slot=_PER_SLOT)
        await self._narrator.step(
            f"{unplugged} is plugged in again, and all ten shall restart from {minute(first)} on, four in a slot:"
        )
        self._narrator.lines([f"$ {command.words}"])
        async with command.running() as process:
            await _until(partial(_are, command, "scheduled", len(_SHOPS)))
            for number, slot in enumerate(spread(first, _PER_SLOT, len(_SHOPS)), start=1):
                if number % _PER_SLOT == 1:
                    await self._office.jump(slot)
                await _until(partial(_are, command, "succeeded", number))
            await ended_well(process)
        restarts = sum(self._devices.restarts().values())
        if restarts != len(_SHOPS) + 2:
            raise DemoFailedError(f"The devices have restarted {restarts} times.")
        await self._narrator.step(
            f"By the devices' own notes they have restarted {restarts} times: one at once, one at its slot, ten "
            "together. Each slot was announced by a mail.",
            await self._mail("scheduled", 4 + len(_SHOPS)),
        )

    # Private steps.

    def _plug(self, utm_id: str) -> None:
        self._devices.plug_in(utm_id, self._tokens[utm_id], self._office.cast.addresses.api_url)

    async def _ask(self, utm_id: str, when: datetime | str) -> Json:
        body = {"when": when if isinstance(when, str) else when.isoformat()}
        return await self._office.of_customer("POST", f"/utms/{utm_id}/restart", body)

    async def _last(self, utm_id: str, state: str) -> Json:
        """What became of the UTM's last restart, once it is this."""
        path = f"/utms/{utm_id}/restart-status"
        await _until(lambda: self._is_last(path, state))
        last: Json = (await self._office.of_customer("GET", path))["last"]
        return last

    async def _mail(self, what: str, count: int) -> tuple[str, str]:
        *_, newest = await self._office.mails_sent(f"utm_restart_{what}", count, to=ALERTS)
        return await self._office.link_to(newest)

    async def _is_last(self, path: str, state: str) -> bool:
        return bool((await self._office.of_customer("GET", path))["last"]["state"] == state)

    async def _is_in_force(self, contract_number: str) -> bool:
        return bool((await self._office.of_customer("GET", f"/contracts/{contract_number}"))["status"] == "active")

    async def _come_online(self) -> None:
        with self._narrator.waiting("The UTMs come up") as tell:
            online = 0
            async with asyncio.timeout(_PATIENCE):
                while online < len(_SHOPS):
                    utms = (await self._office.of_customer("GET", "/utms"))["items"]
                    online = sum(utm["connection"] == "online" for utm in utms)
                    tell(f"{online} of {len(_SHOPS)} UTMs are online")
                    await asyncio.sleep(_LOOK_EVERY)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            if await condition():
                return
            await asyncio.sleep(_LOOK_EVERY)


async def _are(command: FleetCommand, state: str, count: int) -> bool:
    return (await command.counts()).get(state, 0) >= count


def _three_in_the_morning(now: datetime) -> datetime:
    """Tomorrow's."""
    return in_japan(now).replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=1)
