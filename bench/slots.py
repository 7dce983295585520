"""Restarts by the thousand in one slot: how long after it each device has its command, and until all are back.

    .venv/bin/python -m bench.slots [--devices 1000] [--restart 60]

Waits for a slot of the real clock, so it takes up to twenty minutes. Each device holds its line as devices do, takes
its command, says that it begins, is away for so long, and says that it is back. Printed is the distribution of the
delays from the slot until the device had its command, and what became of the restarts.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import resource
import statistics
import time
from datetime import UTC, datetime
from http import HTTPStatus

import psycopg
import uvloop

from bench.devices import TENANT, Device, asked, register
from bench.product import Product, Running, prepare, running_product
from models.clock import machine_time

SLOT_SECONDS = 15 * 60
_SCHEDULED_PER_SECOND = 5  # at least
_AT_ONCE = 8
_LIMITS = {
    f"TETSUZUKI_RATE_LIMITS__{name}": "1000000/minute"
    for name in ("HEARTBEAT_PER_DEVICE", "POLL_PER_DEVICE", "RESULT_PER_DEVICE")
}


async def device_lives(device: Device, port: int, away: float, had_at: dict[str, float]) -> None:
    """One restart of it; then it goes on waiting."""
    await asked(port, "POST /v1/device/heartbeat", '{"version": "10.1.0", "ip_address": "192.0.2.1"}', device.token)
    while True:
        status, content = await asked(port, "GET /v1/device/commands?wait=30", token=device.token)
        if status != HTTPStatus.OK:
            await asyncio.sleep(1)
            continue
        for command in json.loads(content)["commands"]:
            had_at.setdefault(device.utm_id, machine_time().timestamp())
            for state in ("started", "succeeded"):
                await report(device, port, command["command_id"], state)
                await asyncio.sleep(away if state == "started" else 0)


async def report(device: Device, port: int, command_id: str, state: str) -> None:
    """Until it is answered for good."""
    head, body = f"POST /v1/device/commands/{command_id}/result", json.dumps({"state": state})
    final = {HTTPStatus.OK, HTTPStatus.CONFLICT}
    while (await asked(port, head, body, device.token))[0] not in final:  # noqa: ASYNC110 - another process's event
        await asyncio.sleep(1)


async def schedule(product: Product, fleet: list[Device], slot: datetime) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(device: Device) -> None:
        url = f"/v1/tenants/{TENANT}/customers/A00000001/utms/{device.utm_id}/restart"
        async with turn:
            answer = await product.api.post(url, json={"when": slot.isoformat()}, headers=product.staff)
        answer.raise_for_status()

    await asyncio.gather(*map(one, fleet))


async def measure(running: Running, options: argparse.Namespace) -> None:
    product, fleet, had_at = await prepare(running), register(running, options.devices), dict[str, float]()
    port = int(running.ready["api_url"].rpartition(":")[2])
    lives = []
    for device in fleet:
        lives.append(asyncio.create_task(device_lives(device, port, options.restart, had_at)))
        await asyncio.sleep(0.01)
    earliest = machine_time().timestamp() + 10 + options.devices / _SCHEDULED_PER_SECOND
    slot = datetime.fromtimestamp((earliest // SLOT_SECONDS + 1) * SLOT_SECONDS, UTC)
    began = time.perf_counter()
    await schedule(product, fleet, slot)
    taken = time.perf_counter() - began
    print(f"{options.devices} restarts scheduled for {slot:%H:%M} in {taken:.0f} s", flush=True)
    await asyncio.sleep(slot.timestamp() - machine_time().timestamp())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(options.restart + 300):
            while (states := became(running)).get("succeeded", 0) < len(fleet):  # noqa: ASYNC110 - likewise
                await asyncio.sleep(1)
    over = machine_time().timestamp() - slot.timestamp()
    tell(sorted(at - slot.timestamp() for at in had_at.values()), len(fleet))
    print(
        f"what became of them: {dict(states)}, {over:.0f} s after the slot, of which a device is away {options.restart}"
    )
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)


def became(running: Running) -> collections.Counter[str]:
    with psycopg.connect(running.ready["database_url"]) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (TENANT,))
        return collections.Counter(state for (state,) in connection.execute("SELECT state FROM restarts"))


def tell(delays: list[float], devices: int) -> None:
    cuts = statistics.quantiles(delays, n=100)
    print(f"{len(delays)} of {devices} had their command; seconds after the slot:")
    shown = {"first": delays[0], "p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "last": delays[-1]}
    print("  ".join(f"{name} {seconds:.2f}" for name, seconds in shown.items()))
    for second, count in sorted(collections.Counter(int(delay * 2) / 2 for delay in delays).items()):
        print(f"  {second:4.1f} s  {count:5}  {'#' * round(60 * count / devices)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--restart", type=float, default=60, help="seconds that a device is away")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with running_product(_LIMITS) as running:
        uvloop.run(measure(running, options))


if __name__ == "__main__":
    main()
