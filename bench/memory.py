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


def report(running: Running, heading: str, *, only: Collection[str] | None = None) -> None:
    """Resident memory of each part, or of some, with its children, in MB."""
    print(heading, flush=True)
    for name, entry in json.loads((running.data_dir / "processes.json").read_text()).items():
        if only is not None and name not in only:
            continue
        try:
            part = psutil.Process(entry["pid"])
        except psutil.NoSuchProcess:
            continue  # migrations are done
        processes = [part, *part.children(recursive=True)]
        print(f"  {name:12}{sum(process.memory_info().rss for process in processes) / 1e6:8.0f} MB")


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
