"""A fleet at the device API, beside a bare FastAPI app with one INSERT under the same load.

    .venv/bin/python -m bench.devices [--devices 500] [--seconds 60] [--every 60]
    .venv/bin/python -m bench.devices --devices 10000 --seconds 600

Each device sends a heartbeat to both, each by a new connection, and waits for commands at ours all the time. A
command a second goes to one device or another. Printed are the heartbeats' latencies, how long commands took, how many
were lost, and what the two API processes took of a core.
"""

import argparse
import asyncio
import dataclasses
import gc
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

import psutil
import psycopg
import uvloop

from bench.product import ROOT, Running, prepare, running_product
from local.processes import free_port
from models import device_commands
from models.clock import machine_time
from models.database import Database
from models.device_commands import Order
from models.device_vocabulary import DeviceCommandKind, DeviceCommandState
from models.identifiers import Draw, digest, secret_token

TENANT = "T8000001"
_LENGTH = re.compile(rb"content-length: (\d+)")
BODY = json.dumps({"version": "10.1.0", "ip_address": "192.0.2.1"})


@dataclasses.dataclass
class Device:
    registration_id: str
    utm_id: str
    token: str


@dataclasses.dataclass
class Seen:
    """Milliseconds of each heartbeat; when each command was given and came, and what was not answered with 200."""

    ours: list[float] = dataclasses.field(default_factory=list)
    bare: list[float] = dataclasses.field(default_factory=list)
    given: dict[str, float] = dataclasses.field(default_factory=dict)
    came: dict[str, float] = dataclasses.field(default_factory=dict)
    wrong: dict[str, int] = dataclasses.field(default_factory=dict)

    def note(self, what: str) -> None:
        self.wrong[what] = self.wrong.get(what, 0) + 1


async def asked(port: int, head: str, body: str = "", token: str = "") -> tuple[int, bytes]:
    """One request by a connection of its own; a library's client would take more of the machine than the API does.

    Status 0: the connection broke.
    """
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"{head} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answer = await reader.read()
        writer.close()
    except OSError as error:
        return 0, repr(error).encode()
    front, _, content = answer.partition(b"\r\n\r\n")
    return int(front[9:12] or 0), content


async def beat(port: int, head: str, times: list[float], seen: Seen, token: str = "") -> None:
    began = time.perf_counter()
    status, content = await asked(port, head, BODY, token)
    times.append((time.perf_counter() - began) * 1000)
    if status != 200:
        seen.note(f"{head} {status or content.decode()}")


async def beats(device: Device, ports: tuple[int, int], every: float, seen: Seen) -> None:
    while True:
        next_at = time.perf_counter() + every
        await beat(ports[0], "POST /v1/device/heartbeat", seen.ours, seen, device.token)
        await beat(ports[1], "POST /beat", seen.bare, seen)
        await asyncio.sleep(max(0, next_at - time.perf_counter()))


async def polls(device: Device, port: int, database: Database, seen: Seen) -> None:
    """On one connection, as long as it lasts, as devices do."""
    while True:
        try:
            await _polls_on(await asyncio.open_connection("127.0.0.1", port), device, database, seen)
        except (OSError, asyncio.IncompleteReadError) as error:
            seen.note(f"poll {type(error).__name__}")
            await asyncio.sleep(1)


async def _polls_on(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], device: Device, database: Database, seen: Seen
) -> None:
    reader, writer = connection
    request = f"GET /v1/device/commands?wait=30 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {device.token}\r\n\r\n"
    while True:
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        content = await reader.readexactly(int(_LENGTH.search(head.lower())[1]))  # type: ignore[index]  # uvicorn says it
        if head[9:12] != b"200":
            seen.note(f"poll {head[9:12].decode()}")
            await asyncio.sleep(1)
            continue
        for command in json.loads(content)["commands"]:
            seen.came.setdefault(command["command_id"], time.perf_counter())
            async with database.transaction(TENANT) as connection_:
                await device_commands.settle(
                    connection_, TENANT, command["command_id"], DeviceCommandState.SUCCEEDED, machine_time()
                )


async def commands(fleet: Sequence[Device], database: Database, seen: Seen) -> None:
    """One a second, to one device after the other."""
    draw = Draw()
    while True:
        device, now, command_id = fleet[draw.below(len(fleet))], machine_time(), draw.opaque_id()
        order = Order(
            tenant_id=TENANT,
            command_id=command_id,
            registration_id=device.registration_id,
            kind=DeviceCommandKind.RESTART,
            procedure_id="bench",
            issued_at=now,
            offer_from=now,
            offer_until=now + timedelta(minutes=15),
        )
        async with database.transaction(TENANT) as connection:
            await device_commands.give(connection, order)
        seen.given[command_id] = time.perf_counter()
        await asyncio.sleep(1)


def register(running: Running, count: int) -> list[Device]:
    """Straight in the database, in the tenant that `prepare` has made."""
    draw, now = Draw(), machine_time()
    fleet = [Device(draw.opaque_id(), f"{n:012x}", f"tzd_{TENANT}_{secret_token()}") for n in range(count)]
    with psycopg.connect(running.ready["database_url"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, true)", (TENANT,))
        cursor.execute(
            "INSERT INTO customers (tenant_id, customer_id, company_name, last_name, first_name, mail_address,"
            " postal_code, prefecture, address, phone_number, status, account_state, created_at)"
            " VALUES (%s, 'A00000001', 'x', 'x', 'x', 'x@x.example', 'x', 'x', 'x', '0', 'active', 'free', %s)",
            (TENANT, now),
        )
        cursor.executemany(
            "INSERT INTO utms (tenant_id, registration_id, utm_id, customer_id, name, serial_number, postal_code,"
            " address, delivery_status, token_digest, created_at)"
            " VALUES (%s, %s, %s, 'A00000001', 'x', 'x', 'x', 'x', 'x', %s, %s)",
            [(TENANT, one.registration_id, one.utm_id, digest(one.token), now) for one in fleet],
        )
    with psycopg.connect(running.owner_database_url) as connection:
        connection.execute("CREATE TABLE bench_beats (at timestamptz, version text, ip_address text)")
        connection.execute("GRANT INSERT ON bench_beats TO app")
    return fleet


async def measure(running: Running, options: argparse.Namespace, bare: psutil.Process, bare_port: int) -> None:
    await prepare(running)
    fleet, seen = register(running, options.devices), Seen()
    database = Database(running.ready["database_url"], pool_size=3)
    ports = (int(running.ready["api_url"].rpartition(":")[2]), bare_port)
    api = psutil.Process(json.loads((running.data_dir / "processes.json").read_text())["API"]["pid"])
    while (await asked(bare_port, "GET /docs"))[0] != 200:  # noqa: ASYNC110 - another process has no event of ours
        await asyncio.sleep(0.1)
    tasks = []
    for device in fleet:  # their first heartbeats are spread as all later ones will be
        tasks.append(asyncio.create_task(polls(device, ports[0], database, seen)))
        tasks.append(asyncio.create_task(beats(device, ports, options.every, seen)))
        await asyncio.sleep(options.every / len(fleet))
    seen.ours.clear()
    seen.bare.clear()
    giving = asyncio.create_task(commands(fleet, database, seen))
    before, began = (cpu_seconds(api), cpu_seconds(bare)), time.perf_counter()
    await asyncio.sleep(options.seconds)
    taken, after = time.perf_counter() - began, (cpu_seconds(api), cpu_seconds(bare))
    giving.cancel()
    await asyncio.sleep(2)  # for the last command
    report(seen, [(end - start) / taken for start, end in zip(before, after, strict=True)], api)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def report(seen: Seen, cores: list[float], api: psutil.Process) -> None:
    print(f"{'heartbeats':12}{'number':>8}{'p50 ms':>8}{'p99 ms':>8}{'cores':>8}")
    for name, times, cost in (("ours", seen.ours, cores[0]), ("bare", seen.bare, cores[1])):
        p99 = statistics.quantiles(times, n=100)[-1]
        print(f"{name:12}{len(times):8}{statistics.median(times):8.1f}{p99:8.1f}{cost:8.2f}")
    print("ours includes the waiting for commands")
    delays = sorted((seen.came[one] - given) * 1000 for one, given in seen.given.items() if one in seen.came)
    lost = len(seen.given) - len(delays)
    print(f"commands: {len(seen.given)} given, {lost} lost, median {statistics.median(delays):.0f} ms", end="")
    print(f", worst {delays[-1]:.0f} ms")
    print(f"answers other than 200: {seen.wrong or 'none'}; memory of the API {api.memory_info().rss >> 20} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--every", type=float, default=60)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two connections a device; the product inherits it
    port = free_port()
    gc.disable()  # looking through ten thousand waiting tasks, the bench would measure itself
    with running_product() as running:
        command = [sys.executable, "-m", "bench.bare_insert", running.ready["database_url"], str(port)]
        bare = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            uvloop.run(measure(running, options, psutil.Process(bare.pid), port))
        finally:
            bare.terminate()
            bare.wait()


if __name__ == "__main__":
    main()
