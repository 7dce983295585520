"""The main job against a bare Temporal workflow, side by side in one run, on the product as a user starts it.

    .venv/bin/python -m bench.main_job [--rounds 40] [--seconds 8]

Submit-to-answer and decide-to-answer, over HTTP for us and straight to Temporal for the bare one: medians of
alternating rounds by one client, their ratio, and whole procedures per second with 1, 10 and 50 clients.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from temporalio.client import Client

from bench import bare
from local.processes import free_port
from models.encryption import Cipher
from models.identifiers import Draw, digest, secret_token
from models.messages.procedure import Command
from workflows.client import connect

ROOT = Path(__file__).parent.parent
FORM: dict[str, Any] = {
    "company": {
        "company_name": "みなと商事",
        "last_name": "山田",
        "first_name": "太郎",
        "mail_address": "taro@minato.example",
        "postal_code": "105-0011",
        "prefecture": "東京都",
        "address": "港区芝公園4-2-8",
        "phone_number": "0312345678",
    },
    "utm_destinations": [
        {
            "company_name": "みなと商事",
            "last_name": "山田",
            "first_name": "太郎",
            "postal_code": "105-0011",
            "prefecture": "東京都",
            "address": "港区芝公園4-2-8",
            "phone_number": "0312345678",
            "quantity": 2,
        }
    ],
    "portal_users": [{"last_name": "山田", "first_name": "花子", "mail_address": "hanako@minato.example"}],
}


@dataclass
class Product:
    """The running product, and what a client needs to speak to it."""

    api: httpx2.AsyncClient
    temporal: Client
    plain_temporal: Client
    tenant_id: str
    invitation: str
    staff: dict[str, str]

    async def submit(self) -> str:
        answer = await self.api.post(f"/v1/apply/{self.invitation}", json=FORM)
        answer.raise_for_status()
        return str(answer.json()["application_number"])

    async def confirm(self, number: str) -> None:
        handle = self.temporal.get_workflow_handle(f"service-application-{self.tenant_id}-{number}")
        await handle.execute_update("confirm", Command(command_id="confirm", actor="applicant"))

    async def decide(self, number: str) -> None:
        url = f"/v1/tenants/{self.tenant_id}/applications/{number}/deny"
        (await self.api.post(url, json={}, headers=self.staff)).raise_for_status()

    async def whole(self) -> None:
        number = await self.submit()
        await self.confirm(number)
        await self.decide(number)

    async def whole_bare(self, *, recorded: bool) -> None:
        workflow_id = f"bare-{Draw().opaque_id()}"
        await bare.submit(self.plain_temporal, workflow_id, recorded=recorded)
        await bare.confirm(self.plain_temporal, workflow_id)
        await bare.decide(self.plain_temporal, workflow_id)


async def prepare(ready: dict[str, str], data_dir: Path) -> Product:
    """A tenant with a signed-in staff member, made straight in the database."""
    now = datetime.now(UTC)
    tenant_id, person_id, token = "T8000001", Draw().opaque_id(), secret_token()
    with psycopg.connect(ready["database_url"]) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant_id,))
        connection.execute(
            "INSERT INTO tenants (tenant_id, name, time_zone, language, sender_name, state, created_at)"
            " VALUES (%s, 'Bench', 'Asia/Tokyo', 'ja', 'Bench', 'active', %s)",
            (tenant_id, now),
        )
        connection.execute(
            "INSERT INTO notification_addresses (tenant_id, slot, mail_address) VALUES (%s, 0, 'desk@bench.example')",
            (tenant_id,),
        )
        connection.execute(
            "INSERT INTO persons (person_id, mail_address, created_at) VALUES (%s, 'staff@bench.example', %s)",
            (person_id, now),
        )
        connection.execute(
            "INSERT INTO staff_members (tenant_id, person_id, mail_address, signup_state, created_at)"
            " VALUES (%s, %s, 'staff@bench.example', 'registered', %s)",
            (tenant_id, person_id, now),
        )
        connection.execute(
            "INSERT INTO sessions (token_digest, person_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
            (digest(token), person_id, now, now + timedelta(days=1)),
        )
    secrets = json.loads((data_dir / "secrets.json").read_text())
    cipher = Cipher.from_base64(secrets["payload_keys"], current=secrets["payload_key_id"])
    api = httpx2.AsyncClient(base_url=ready["api_url"], timeout=60, limits=httpx2.Limits(max_connections=60))
    staff = {"Authorization": f"Bearer {token}"}
    url = (await api.get(f"/v1/tenants/{tenant_id}/invitation", headers=staff)).json()["url"]
    return Product(
        api=api,
        temporal=await connect(ready["temporal_address"], "default", cipher),
        plain_temporal=await Client.connect(ready["temporal_address"]),
        tenant_id=tenant_id,
        invitation=url.rsplit("/", 1)[1],
        staff=staff,
    )


async def latencies(product: Product, rounds: int) -> dict[str, list[float]]:
    """Milliseconds by step, ours and the bare ones' taken in turns so that a noisy machine is noisy for all."""
    times: dict[str, list[float]] = {}

    async def timed(name: str, call: Awaitable[Any]) -> Any:
        start = time.perf_counter()
        answer = await call
        times.setdefault(name, []).append((time.perf_counter() - start) * 1000)
        return answer

    for number in range(rounds + 5):
        application = await timed("submit ours", product.submit())
        await asyncio.sleep(0.1)  # let the mail go first: its cost is not the answer's
        await product.confirm(application)
        await asyncio.sleep(0.1)
        await timed("decide ours", product.decide(application))
        await asyncio.sleep(0.1)
        for name, recorded in (("bare", False), ("bare with one row", True)):
            workflow_id = f"bare-{Draw().opaque_id()}"
            await timed(f"submit {name}", bare.submit(product.plain_temporal, workflow_id, recorded=recorded))
            await bare.confirm(product.plain_temporal, workflow_id)
            await timed(f"decide {name}", bare.decide(product.plain_temporal, workflow_id))
        if number == 4:
            times.clear()
    return times


async def rate(job: Callable[[], Awaitable[None]], clients: int, seconds: float) -> float:
    """Whole procedures per second."""
    end = time.perf_counter() + seconds
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await job()
            done += 1

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.perf_counter() - start)


def report(times: dict[str, list[float]]) -> None:
    print(f"{'':28}{'p50 ms':>8}{'p95 ms':>8}{'ours ÷':>8}")
    for step in ("submit", "decide"):
        ours = statistics.median(times[f"{step} ours"])
        for name in ("ours", "bare", "bare with one row"):
            values = times[f"{step} {name}"]
            median = statistics.median(values)
            p95 = statistics.quantiles(values, n=20)[-1]
            print(f"{step + ' ' + name:28}{median:8.1f}{p95:8.1f}{ours / median:8.2f}")


async def measure(ready: dict[str, str], data_dir: Path, options: argparse.Namespace) -> None:
    product = await prepare(ready, data_dir)
    report(await latencies(product, options.rounds))
    print(f"\n{'procedures per second':28}{'ours':>8}{'bare':>8}{'row':>8}")
    for clients in (1, 10, 50):
        ours = await rate(product.whole, clients, options.seconds)
        floor = await rate(lambda: product.whole_bare(recorded=False), clients, options.seconds)
        row = await rate(lambda: product.whole_bare(recorded=True), clients, options.seconds)
        print(f"{f'{clients} clients':28}{ours:8.1f}{floor:8.1f}{row:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder, "ready.json")
        data_dir = Path(folder, "data")
        environment = os.environ | {
            f"TETSUZUKI_RATE_LIMITS__{name.upper()}": "1000000/minute"
            for name in ("apply_per_client", "apply_per_address")
        }
        command = [sys.executable, "-m", "cli", "up", "--data-dir", str(data_dir), "--ready-file", str(ready_file)]
        up = subprocess.Popen(
            [*command, "--api-port", str(free_port())], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            while not ready_file.exists():
                if up.poll() is not None:
                    raise SystemExit("the product did not start")
                time.sleep(0.1)
            ready = json.loads(ready_file.read_text())
            secrets = json.loads((data_dir / "secrets.json").read_text())
            passwords = secrets["postgres"]
            ready["bench_database_url"] = ready["database_url"].replace(
                f"app:{passwords['app']}", f"owner:{passwords['owner']}"
            )
            bare_worker = subprocess.Popen(
                [sys.executable, "-m", "bench.bare", ready["temporal_address"], ready["bench_database_url"]],
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
            )
            asyncio.run(measure(ready, data_dir, options))
            bare_worker.terminate()
            bare_worker.wait()
        finally:
            up.terminate()
            up.wait()


if __name__ == "__main__":
    main()
