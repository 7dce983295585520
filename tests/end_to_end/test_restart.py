"""Restarts on the rehearsal stack, whose devices are processes of their own: good ones, bad ones, and a whole fleet."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.demo_cast import Cast
from local.demo_office import Office, in_japan
from local.device_processes import DeviceProcesses
from local.processes import free_port
from local.product_command import CLI
from local.stack_plan import Addresses
from models.rules.restarts import SLOT
from tests.product_process import Product
from tests.world import eventually

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("rehearsal")]
ALERTS = "alerts@hikari.example"
GOOD, SLOW, TWICE, CRASH, DEAF, UNABLE, STRANGER = UTM_IDS = [f"b0b1b2b3b40{number}" for number in range(7)]
WAYS = {SLOW: "slow", TWICE: "twice", CRASH: "crash", DEAF: "deaf", UNABLE: "refuse", STRANGER: "wrong-token"}


@dataclass
class Shops:
    """A customer's UTMs, each in its own way, and the staff who look after them."""

    office: Office
    devices: DeviceProcesses
    key: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    async def open(self) -> None:
        await self.office.take_customer()
        product = await self.office.offer_product()
        await self.office.apply(product, in_japan(await self.now()).date(), quantity=len(UTM_IDS))
        self.key = (await self.office.ask("POST", "/api-keys", {"name": "fleet", "scope": "write"}))["key"]
        await eventually(self.is_served)
        for number, utm_id in enumerate(UTM_IDS):
            utm = await self.office.register_utm(
                utm_id=utm_id, serial_number=f"SN-2026-1000000{number}", customer_addresses=[ALERTS]
            )
            way = [f"--failure={WAYS[utm_id]}", "--delay=1"] if utm_id in WAYS else []
            self.devices.plug_in(utm_id, utm["device_token"], self.office.cast.addresses.api_url, *way)

    async def now(self) -> datetime:
        return await self.office.cast.now()

    async def is_served(self) -> bool:
        [contract] = (await self.office.of_customer("GET", "/contracts"))["items"]
        return bool(contract["status"] == "active")

    async def connections(self) -> dict[str, str]:
        utms = (await self.office.of_customer("GET", "/utms"))["items"]
        return {utm["utm_id"]: utm["connection"] for utm in utms}

    async def are_online(self) -> bool:
        return [*(await self.connections()).values()].count("online") == len(UTM_IDS) - 1

    async def ask(self, utm_id: str, when: datetime | str) -> Any:
        body = {"when": when if isinstance(when, str) else when.isoformat()}
        return await self.office.of_customer("POST", f"/utms/{utm_id}/restart", body)

    async def last(self, utm_id: str) -> tuple[str, str | None]:
        last = (await self.office.of_customer("GET", f"/utms/{utm_id}/restart-status"))["last"]
        return last["state"], last.get("reason")

    async def becomes(self, utm_id: str, state: str, reason: str | None = None) -> None:
        async def has_become() -> bool:
            return await self.last(utm_id) == (state, reason)

        await eventually(has_become)

    async def pass_slot(self, slot: datetime) -> None:
        """Until what nobody has answered is given up, with every device heard of shortly before."""
        await self.office.jump(slot + timedelta(minutes=14, seconds=50))
        await eventually(self.are_online)
        await self.office.jump(slot + timedelta(minutes=16))

    async def fleet(self, *words: str) -> "asyncio.subprocess.Process":
        """`tetsuzuki fleet …` in somebody's terminal."""
        own = {"TETSUZUKI_TOKEN": self.key, "TETSUZUKI_TENANT": self.office.tenant}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", str(CLI), "fleet", *words),
            env=os.environ | own | {"TETSUZUKI_API_URL": self.office.cast.addresses.api_url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def said(self, *words: str) -> tuple[str, int | None]:
        process = await self.fleet(*words)
        said, _ = await process.communicate()
        return said.decode(), process.returncode


@pytest.fixture
async def shops(tmp_path: Path) -> AsyncIterator[Shops]:
    product = Product(tmp_path, "--rehearsal", f"--api-port={free_port()}")
    addresses = Addresses(**product.start())
    devices = DeviceProcesses(product.data_dir / "rehearsal")
    async with Cast.met(addresses, product.data_dir / "rehearsal") as cast:
        tenant, _ = await Office.found(cast)
        office, _ = await Office.staffed(cast, tenant)
        shops = Shops(office, devices)
        await shops.open()
        yield shops
    assert product.stop() == 0  # within ten seconds, though five devices wait for commands
    await devices.end()


@pytest.mark.requirement("UTM-06", "UTM-07", "RST-01", "RST-02", "RST-03", "RST-04", "RST-05", "RST-06", "RST-08")
async def test_devices_restart_at_once_at_their_slot_and_as_a_fleet_or_it_is_said_why_not(shops: Shops) -> None:
    """Once each, whatever they say twice, late or never; and the product stops in time while they wait for commands."""
    await eventually(shops.are_online)
    assert (await shops.connections())[STRANGER] == "never_connected"
    await _at_once(shops)
    slot = in_japan(await shops.now()).replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=1)
    await _at_a_slot(shops, slot)
    await _as_a_fleet(shops, slot + 4 * SLOT)
    assert shops.devices.restarts() == {GOOD: 2, SLOW: 2, TWICE: 2, CRASH: 1}


async def _at_once(shops: Shops) -> None:
    for utm_id in (GOOD, SLOW, TWICE):
        assert (await shops.ask(utm_id, "now"))["state"] == "requested"
    for utm_id in (GOOD, SLOW, TWICE):
        await shops.becomes(utm_id, "succeeded")


async def _at_a_slot(shops: Shops, slot: datetime) -> None:
    """One is taken back, one restarts, one says that it cannot, one never that it is back, one never answers."""
    for utm_id in (GOOD, SLOW, CRASH, DEAF, UNABLE):
        await shops.ask(utm_id, slot)
    assert (await shops.ask(GOOD, slot + SLOT))["replaced_at"] is not None
    assert (await shops.office.of_customer("DELETE", f"/utms/{GOOD}/restart"))["state"] == "cancelled"
    await shops.office.jump(slot)
    await shops.becomes(CRASH, "in_progress")
    assert await shops.last(DEAF) == ("in_progress", None)
    await shops.becomes(SLOW, "succeeded")
    await shops.becomes(UNABLE, "failed", "device")
    [refused] = (await shops.office.of_customer("GET", f"/utms/{UNABLE}/restarts"))["items"]
    assert refused["detail"] == "configuration is being saved"
    await shops.pass_slot(slot)
    await shops.becomes(CRASH, "failed", "no_result")
    await shops.becomes(DEAF, "failed", "not_confirmed")
    for template, count in (("scheduled", 6), ("cancelled", 1), ("failed", 3)):
        assert len(await shops.office.mails_sent(f"utm_restart_{template}", count, to=ALERTS)) == count


async def _as_a_fleet(shops: Shops, slot: datetime) -> None:
    """At a terminal: watched, left, looked at again, and cancelled; and another one to its end."""
    refused, code = await shops.said("restart", "--at=2000-01-01T00:00:00Z", "--per-slot=1")
    assert (refused.splitlines()[-1], code) == ("at: This is in the past.", 1)
    some = [f"--utm={utm_id}" for utm_id in (GOOD, TWICE)]
    watching = await shops.fleet("restart", f"--at={slot.isoformat()}", "--per-slot=1", *some)
    assert watching.stdout is not None
    begun = (await watching.stdout.readline()).decode()
    assert "0 of 2 over" in (await watching.stdout.readline()).decode()
    watching.send_signal(signal.SIGINT)
    left = (await watching.stdout.read()).decode()
    fleet_restart_id = begun.split()[2]
    assert f"tetsuzuki fleet cancel {fleet_restart_id} --tenant {shops.office.tenant}" in left
    assert "2 scheduled" in (await shops.said("status", fleet_restart_id))[0]
    assert await shops.said("cancel", fleet_restart_id) == ("2 of 2 over: 2 cancelled\n", 0)
    assert (await shops.said("cancel", fleet_restart_id))[1] == 1

    watching = await shops.fleet("restart", f"--at={slot.isoformat()}", "--per-slot=1", *some)
    for number, utm_id in enumerate((GOOD, TWICE)):
        await eventually(partial(_is_scheduled, shops, utm_id))
        await shops.office.jump(slot + number * SLOT)
        await shops.becomes(utm_id, "succeeded")
    said, _ = await watching.communicate()
    assert "All of them have restarted." in said.decode()
    assert watching.returncode == 0


async def _is_scheduled(shops: Shops, utm_id: str) -> bool:
    return (await shops.office.of_customer("GET", f"/utms/{utm_id}"))["scheduled_restart_at"] is not None
