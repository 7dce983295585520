"""What 1,000 and 10,000 idle contracts take of memory with two sizes of the worker's cache, and what an answer costs.

    .venv/bin/python -m bench.idle_contracts [--contracts 1000 10000] [--caches 200 2000]

One contract is applied for by the API; the others are its copies: rows of their own for customer, contract and
procedure, and a workflow of their own, begun as one that goes on after a renewal. So ten thousand take minutes, and
then stand as ten thousand that were applied for would.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from temporalio.client import Client

from bench.contract import contract_of
from bench.memory import report
from bench.product import Product, Running, prepare, running_product
from models.messages.contract_steps import ContractRecorded, ContractStart, Resumed
from models.messages.procedure import Identity
from models.vocabulary import ProcedureKind
from workflows import search_attributes
from workflows.contract import Contract

_AT_ONCE = 20
_ASKED = 100
_COPY = """
INSERT INTO {table} SELECT (jsonb_populate_record(original, jsonb_build_object({changed}))).*
FROM {table} AS original, generate_series(%(first)s::int, %(last)s::int) AS n WHERE {chosen}
"""
_CUSTOMER, _NUMBER = "'A9' || lpad(n::text, 7, '0')", "'A-S9' || lpad(n::text, 7, '0')"
_PROCEDURE = f"'contract-' || original.tenant_id || '-' || {_NUMBER}"
_COPIES = {
    "customers": (f"'customer_id', {_CUSTOMER}", "customer_id = %(customer)s"),
    "contracts": (
        f"'customer_id', {_CUSTOMER}, 'contract_number', {_NUMBER}, 'command_id', 'copy-' || n",
        "contract_number = %(number)s",
    ),
    "contract_rate_plans": (f"'contract_number', {_NUMBER}", "contract_number = %(number)s"),
    "procedures": (
        f"'customer_id', {_CUSTOMER}, 'subject', {_NUMBER}, 'procedure_id', {_PROCEDURE}",
        "subject = %(number)s AND kind = 'contract'",
    ),
}


@dataclass(frozen=True)
class Original:
    product: Product
    running: Running
    customer_id: str
    number: str
    recorded: ContractRecorded

    @classmethod
    async def made(cls, running: Running) -> "Original":
        product = await prepare(running)
        url = await contract_of(product, running, 1)
        number = url.rsplit("/", 1)[1]
        with psycopg.connect(running.ready["database_url"]) as connection:
            connection.execute("SELECT set_config('app.tenant', %s, true)", (product.tenant_id,))
            query = "SELECT answer FROM audit_entries WHERE what = 'contract_applied' AND subject = %s"
            [answer] = connection.execute(query, (number,)).fetchone() or [None]
        return cls(product, running, url.split("/")[5], number, ContractRecorded.model_validate(answer))

    def url(self, copy: int) -> str:
        return f"/v1/tenants/{self.product.tenant_id}/customers/A9{copy:07}/contracts/A-S9{copy:07}"

    def copy_rows(self, first: int, last: int) -> None:
        numbers = {"first": first, "last": last, "customer": self.customer_id, "number": self.number}
        with psycopg.connect(self.running.ready["database_url"]) as connection:
            connection.execute("SELECT set_config('app.tenant', %s, true)", (self.product.tenant_id,))
            for table, (changed, chosen) in _COPIES.items():
                connection.execute(_COPY.format(table=table, changed=changed, chosen=chosen).encode(), numbers)

    async def begin(self, copy: int) -> None:
        identity = Identity.of(ProcedureKind.CONTRACT, self.product.tenant_id, f"A-S9{copy:07}", f"A9{copy:07}")
        resumed = Resumed(recorded=self.recorded)
        start = ContractStart(command_id=f"copy-{copy}", actor="bench", identity=identity, resumed=resumed)
        await self.product.temporal.start_workflow(
            Contract.run,
            start,
            id=identity.procedure_id,
            task_queue="tetsuzuki",
            search_attributes=search_attributes.of(identity),
        )


async def idle(original: Original, first: int, last: int) -> None:
    """Until the worker has begun all of them and nothing is left to do."""
    original.copy_rows(first, last)
    copies = iter(range(first, last + 1))

    async def client() -> None:
        for copy in copies:
            await original.begin(copy)

    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
    while await _standing(original.product.temporal) < last:  # noqa: ASYNC110 - the engine is another process
        await asyncio.sleep(1)
    await asyncio.sleep(3)


async def _standing(temporal: Client) -> int:
    """A contract's first task tells where it stands."""
    return (await temporal.count_workflows("WorkflowType = 'Contract' AND State = 'active'")).count


async def asked(original: Original, copies: Sequence[int]) -> list[float]:
    """Milliseconds of each answer: cancelled and undone, one after the other, most of them not in the cache."""
    times = []
    day = (original.recorded.at.date()).isoformat()
    for copy in copies:
        for act, body in (("cancel", _cancellation(day)), ("undo-cancellation", {})):
            began = time.perf_counter()
            url = f"{original.url(copy)}/{act}"
            answer = await original.product.api.post(url, json=body, headers=original.product.staff)
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
    return times


def _cancellation(day: str) -> dict[str, Any]:
    year, rest = day.split("-", 1)
    return {"cancellation_date": f"{int(year) + 1}-{rest}", "charge_fee": False}


async def measure(running: Running, contracts: Sequence[int]) -> None:
    original = await Original.made(running)
    report(running, "with one contract")
    before = 0
    for count in contracts:
        began = time.monotonic()
        await idle(original, before + 1, count)
        before = count
        report(running, f"with {count} idle contracts, begun in {time.monotonic() - began:.0f} s")
        times = await asked(original, range(1, count + 1, count // _ASKED))
        print(f"  {2 * _ASKED} answers: median {statistics.median(times):.0f} ms", end=", ")
        print(f"95 of 100 within {statistics.quantiles(times, n=20)[-1]:.0f} ms")
        report(running, "after them", only=("Worker 1",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--caches", type=int, nargs="+", default=[200, 2_000])
    options = parser.parse_args()
    for cache in options.caches:
        print(f"\n## At most {cache} workflows in the worker's cache", flush=True)
        with running_product({"TETSUZUKI_WORKER_MAX_CACHED_WORKFLOWS": json.dumps(cache)}) as running:
            asyncio.run(measure(running, options.contracts))


if __name__ == "__main__":
    main()
