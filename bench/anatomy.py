"""Where the time of a decision goes, by what Temporal's own history says of it.

    .venv/bin/python -m bench.anatomy [--rounds 40]

One client denies applications over HTTP, and in turns a bare workflow's decision with one durable row
(bench/bare.py) is made straight at Temporal. The history says when the engine gave the command to the worker, had it
accepted, ran the activity that records it, and heard that it is done; what is left is the way to the engine and back,
and for ours the API.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable
from itertools import pairwise

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench import bare
from bench.bare import Writing
from bench.product import ROOT, Product, Running, prepare, running_product
from models.identifiers import Draw

_STEPS = ("command accepted", "recorded, one transaction", "next workflow task", "answered")
_LATER = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
)
_REST = "the way there and back"


async def steps(client: Client, workflow_id: str, whole: float) -> dict[str, float]:
    """Milliseconds of each step of the workflow's last command; `whole` as the client has seen it."""
    events = list((await client.get_workflow_handle(workflow_id).fetch_history()).events)
    accepted = [one.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED for one in events]
    last = len(accepted) - 1 - accepted[::-1].index(True)
    scheduled, _, completed = events[last - 3 : last]
    later = [one for one in events[last:] if one.event_type in _LATER]
    seen = [scheduled, completed, *later[:3]]
    at = [one.event_time.ToNanoseconds() / 1e6 for one in seen]
    taken = {step: end - begin for step, (begin, end) in zip(_STEPS, pairwise(at), strict=True)}
    return taken | {_REST: whole - (at[-1] - at[0])}


async def timed(call: Awaitable[object]) -> float:
    began = time.perf_counter()
    await call
    return (time.perf_counter() - began) * 1000


async def ours(product: Product) -> dict[str, float]:
    number = await product.submit()
    await product.confirm(number)
    await asyncio.sleep(0.2)  # the mails go first
    whole = await timed(product.decide(number))
    await asyncio.sleep(0.1)
    taken = await steps(product.temporal, f"service-application-{product.tenant_id}-{number}", whole)
    return taken | {"whole": whole}


async def floor(product: Product) -> dict[str, float]:
    client, workflow_id = product.plain_temporal, f"bare-{Draw().opaque_id()}"
    await bare.submit(client, workflow_id, Writing.DURABLE_ROW)
    await bare.confirm(client, workflow_id)
    await asyncio.sleep(0.2)
    whole = await timed(bare.decide(client, workflow_id))
    await asyncio.sleep(0.1)
    return await steps(client, workflow_id, whole) | {"whole": whole}


async def measure(running: Running, rounds: int) -> None:
    product = await prepare(running)
    taken: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(rounds + 3):
        taken["ours"].append(await ours(product))
        taken["bare"].append(await floor(product))
    print(f"{'median ms':36}{'ours':>8}{'bare, durable row':>20}")
    for step in taken["ours"][0]:
        mine, bares = (statistics.median(one[step] for one in rows[3:]) for rows in taken.values())
        print(f"{step:36}{mine:8.1f}{bares:20.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
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
