"""Cancelling a contract with one device or two hundred, undoing it, and a device's restart, beside a bare Update.

    .venv/bin/python -m bench.contract [--rounds 20]

Request-to-answer over HTTP for us, straight to Temporal for the bare one, in turns by one client. The answer holds
every dated consequence, a return kit for each device among them.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench import bare
from bench.product import FORM, ROOT, Product, Running, prepare, running_product
from models.identifiers import Draw

_CHARGE = {"name": "月額", "description": "", "type": "recurring", "model": "per_unit", "price": 3000}
_CATALOGUE: dict[str, Any] = {
    "name": "UTM",
    "description": "UTM",
    "includes_utm": True,
    "rate_plans": [{"name": "標準", "charges": [{**_CHARGE, "billing_period": "month"}]}],
}


async def contract_of(product: Product, running: Running, devices: int) -> str:
    """A contract with so many devices. Returns its URL."""
    api, tomorrow = product.api, datetime.now(UTC).date() + timedelta(days=1)
    operator = {"Authorization": f"Bearer {running.ready['operator_key']}"}
    made = (await api.post("/v1/products", json=_CATALOGUE, headers=operator)).raise_for_status().json()
    customers = f"/v1/tenants/{product.tenant_id}/customers"
    customer = (await api.post(customers, json=FORM["company"], headers=product.staff)).raise_for_status().json()
    url = f"{customers}/{customer['customer_id']}/contracts"
    body = {
        "start_date": tomorrow.isoformat(),
        "initial_term": {"value": 1, "unit": "year"},
        "renewal_term": {"value": 1, "unit": "year"},
        "product_id": made["product_id"],
        "rate_plans": [{"rate_plan_id": made["rate_plans"][0]["rate_plan_id"], "quantity": devices}],
    }
    number = (await api.post(url, json=body, headers=product.staff)).raise_for_status().json()["contract_number"]
    with psycopg.connect(running.ready["database_url"]) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (product.tenant_id,))
        for _ in range(devices):
            drawn = Draw().opaque_id()
            connection.execute(
                "INSERT INTO utms (tenant_id, registration_id, utm_id, customer_id, contract_number, name,"
                " serial_number, postal_code, address, delivery_status, created_at)"
                " VALUES (%s, %s, %s, %s, %s, 'UTM', %s, '105-0011', '東京都港区芝公園4-2-8', '納品済', %s)",
                (product.tenant_id, drawn, drawn[:12], customer["customer_id"], number, drawn[:20], datetime.now(UTC)),
            )
    return f"{url}/{number}"


async def restart_of(product: Product, contract: str) -> str:
    """The URL of the restart of a contract's device."""
    customer = contract.partition("/contracts/")[0]
    [utm] = (await product.api.get(f"{customer}/utms", headers=product.staff)).raise_for_status().json()["items"]
    return f"{customer}/utms/{utm['utm_id']}/restart"


async def latencies(product: Product, running: Running, rounds: int) -> dict[str, list[float]]:
    """Milliseconds by step."""
    times: dict[str, list[float]] = {}
    contracts = {devices: await contract_of(product, running, devices) for devices in (1, 200)}

    async def timed(name: str, call: Awaitable[Any]) -> None:
        start = time.perf_counter()
        answer = await call
        times.setdefault(name, []).append((time.perf_counter() - start) * 1000)
        if answer is not None:
            answer.raise_for_status()

    restart = await restart_of(product, contracts[1])
    slot = (datetime.now(UTC) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    day = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    for number in range(rounds + 3):
        for devices, url in contracts.items():
            body = {"cancellation_date": day, "charge_fee": True}
            cancelling = product.api.post(f"{url}/cancel", json=body, headers=product.staff)
            await timed(f"cancel, {devices} devices", cancelling)
            await asyncio.sleep(0.1)
            await timed(f"undo, {devices} devices", product.api.post(f"{url}/undo-cancellation", headers=product.staff))
            await asyncio.sleep(0.1)
        body = {"when": slot.isoformat()}
        await timed("restart scheduled", product.api.post(restart, json=body, headers=product.staff))
        await asyncio.sleep(0.1)
        await timed("restart taken back", product.api.delete(restart, headers=product.staff))
        await asyncio.sleep(0.1)
        workflow_id = f"bare-{Draw().opaque_id()}"
        await bare.submit(product.plain_temporal, workflow_id, bare.Writing.ROW)
        await bare.confirm(product.plain_temporal, workflow_id)
        await timed("bare Update with one row", bare.decide(product.plain_temporal, workflow_id))
        if number == 2:
            times.clear()
    return times


async def measure(running: Running, rounds: int) -> None:
    times = await latencies(await prepare(running), running, rounds)
    floor = statistics.median(times["bare Update with one row"])
    print(f"{'':28}{'p50 ms':>8}{'p95 ms':>8}{'÷ bare':>8}")
    for name, values in times.items():
        median, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"{name:28}{median:8.1f}{p95:8.1f}{median / floor:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with running_product() as running:
        worker = [sys.executable, "-m", "bench.bare", running.ready["temporal_address"], running.owner_database_url]
        bare_worker = subprocess.Popen(worker, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            asyncio.run(measure(running, options.rounds))
        finally:
            bare_worker.terminate()
            bare_worker.wait()


if __name__ == "__main__":
    main()
