"""What open procedures cost: the next decision, memory, disk, and the time until all of it stands again.

    .venv/bin/python -m bench.growth [--procedures 1000 10000 50000] [--rounds 40]

The open procedures are contracts that wait for their calendar (bench/idle_contracts.py); 50,000 take some ten minutes
to begin. With so many standing, one client sends applications and has them decided; then every part is killed, and it
is measured how long it takes the supervisor until a decision is answered again.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from bench.idle_contracts import Original, idle
from bench.memory import resident
from bench.product import Product, Running, running_product

_PARTS = ("API", "Worker 1", "Temporal", "Postgres")
_HEADINGS = ("decide p50", "p95", *_PARTS, "Temporal kB", "Postgres kB", "again after")


async def decisions(product: Product, rounds: int) -> list[float]:
    """Milliseconds of each."""
    times = []
    for _ in range(rounds + 3):
        number = await product.submit()
        await product.confirm(number)
        await asyncio.sleep(0.2)  # its mails go first
        began = time.perf_counter()
        await product.decide(number)
        times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.1)
    return times[3:]


async def stands_again(original: Original) -> float:
    """Seconds from the death of every part until a decision is answered."""
    product = original.product
    number = await product.submit()
    await product.confirm(number)
    recorded = json.loads((original.running.data_dir / "processes.json").read_text())
    began = time.monotonic()
    for part in _PARTS:
        os.kill(recorded[part]["pid"], signal.SIGKILL)
    while True:
        try:
            await product.decide(number)
        except httpx2.HTTPError:
            await asyncio.sleep(0.1)
        else:
            return time.monotonic() - began


def kilobytes(folder: Path, files: str) -> float:
    return sum(file.stat().st_size for file in folder.rglob(files) if file.is_file()) / 1000


async def measure(running: Running, counts: Sequence[int], rounds: int) -> None:
    original = await Original.made(running)
    stores = [(running.data_dir, "temporal.sqlite*"), (running.data_dir / "postgres", "*")]
    print(" ".join(f"{heading:>12}" for heading in ("open", *_HEADINGS)), flush=True)
    before = 0
    empty = [kilobytes(*store) for store in stores]
    for count in (0, *counts):
        if count:
            await idle(original, before + 1, count)
        before = count
        times = await decisions(original.product, rounds)
        cells = [
            f"{count:>12}",
            f"{statistics.median(times):9.1f} ms",
            f"{statistics.quantiles(times, n=20)[-1]:9.1f} ms",
        ]
        cells += [f"{resident(running, part):9.0f} MB" for part in _PARTS]
        grown = [kilobytes(*store) - then for store, then in zip(stores, empty, strict=True)]
        cells += [f"{size / max(count, 1):12.1f}" for size in grown]
        print(" ".join(cells), f"{await stands_again(original):10.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procedures", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with running_product() as running:
        asyncio.run(measure(running, options.procedures, options.rounds))


if __name__ == "__main__":
    main()
