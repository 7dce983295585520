"""What the product's processes take of memory with many open procedures.

.venv/bin/python -m bench.memory [--procedures 1000]
"""

import argparse
import asyncio
import json
from collections.abc import Collection

import psutil

from bench.product import Running, prepare, running_product

CLIENTS = 8


async def open_procedures(running: Running, count: int) -> None:
    product = await prepare(running)
    waiting = iter(range(count))

    async def client() -> None:
        for _ in waiting:
            await product.confirm(await product.submit())

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def resident(running: Running, part: str) -> float:
    """MB of one part, its children included."""
    entry = json.loads((running.data_dir / "processes.json").read_text())[part]
    process = psutil.Process(entry["pid"])
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 1e6


def report(running: Running, heading: str, *, only: Collection[str] | None = None) -> None:
    """Memory of each part with its children, or of some, in MB: resident, and of it what no other process shares."""
    print(f"{heading:30}{'resident':>12}{'its own':>12}", flush=True)
    for name, entry in json.loads((running.data_dir / "processes.json").read_text()).items():
        if only is not None and name not in only:
            continue
        try:
            part = psutil.Process(entry["pid"])
        except psutil.NoSuchProcess:
            continue  # migrations are done
        processes = [part, *part.children(recursive=True)]
        taken = [process.memory_full_info() for process in processes]
        resident, own = (sum(getattr(one, kind) for one in taken) / 1e6 for kind in ("rss", "uss"))
        print(f"  {name:28}{resident:9.0f} MB{own:9.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procedures", type=int, default=1000)
    options = parser.parse_args()
    with running_product() as running:
        report(running, "after the start")
        asyncio.run(open_procedures(running, options.procedures))
        report(running, f"with {options.procedures} open procedures")


if __name__ == "__main__":
    main()
