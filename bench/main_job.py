"""The main job against a bare Temporal workflow, side by side in one run, on the product as a user starts it.

    .venv/bin/python -m bench.main_job [--rounds 40] [--seconds 8]

Submit-to-answer and decide-to-answer, over HTTP for us and straight to Temporal for the bare one: medians of
alternating rounds by one client, their ratio, and whole procedures per second with 1, 10 and 50 clients. What stands
between the last of the bare ones and ours is HTTP, sign-in, and what a step records besides a row.
"""

import argparse
import asyncio
import functools
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench import bare
from bench.bare import Writing
from bench.product import ROOT, Product, Running, prepare, running_product
from models.identifiers import Draw


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
        for writing in Writing:
            workflow_id = f"bare-{Draw().opaque_id()}"
            await timed(f"submit {writing}", bare.submit(product.plain_temporal, workflow_id, writing))
            await asyncio.sleep(0.1)
            await bare.confirm(product.plain_temporal, workflow_id)
            await asyncio.sleep(0.1)
            await timed(f"decide {writing}", bare.decide(product.plain_temporal, workflow_id))
            await asyncio.sleep(0.1)
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
    print(f"{'':34}{'p50 ms':>8}{'p95 ms':>8}{'ours ÷':>8}")
    for step in ("submit", "decide"):
        ours = statistics.median(times[f"{step} ours"])
        for name in ("ours", *Writing):
            values = times[f"{step} {name}"]
            median = statistics.median(values)
            p95 = statistics.quantiles(values, n=20)[-1]
            print(f"{step + ' ' + name:34}{median:8.1f}{p95:8.1f}{ours / median:8.2f}")


async def measure(running: Running, options: argparse.Namespace) -> None:
    product = await prepare(running)
    report(await latencies(product, options.rounds))
    print(f"\n{'procedures per second':34}{'ours':>8}{'bare':>8}{'row':>8}{'durable':>9}")
    for clients in (1, 10, 50):
        ours = await rate(product.whole, clients, options.seconds)
        floors = [
            await rate(functools.partial(product.whole_bare, writing), clients, options.seconds) for writing in Writing
        ]
        print(f"{f'{clients} clients':34}{ours:8.1f}{floors[0]:8.1f}{floors[1]:8.1f}{floors[2]:9.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    with running_product() as running:
        address = running.ready["temporal_address"]
        bare_worker = subprocess.Popen(
            [sys.executable, "-m", "bench.bare", address, running.owner_database_url],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        try:
            asyncio.run(measure(running, options))
        finally:
            bare_worker.terminate()
            bare_worker.wait()


if __name__ == "__main__":
    main()
