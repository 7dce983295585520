"""Lists and the CSV download of a tenant with 100,000 customers and as many applications.

    .venv/bin/python -m bench.reads [--rows 100000] [--rounds 100]

One customer and one application are made by the API; the others are their copies, a minute apart, every fourth
application still undecided. For each list: the median and the 99th percentile of its answers to one client, and how
many rows Postgres read for an answer, in order and by an index. For the download: rows a second, and how far the API's
memory rose above what the lists had left it at.
"""

import argparse
import asyncio
import statistics
import time
from dataclasses import dataclass

import psycopg

from bench.memory import resident
from bench.product import FORM, Product, Running, prepare, running_product

_TABLES = ("customers", "service_applications", "procedures", "mails", "audit_entries")
_COPY = """
INSERT INTO {table} OVERRIDING USER VALUE
SELECT (jsonb_populate_record(original, jsonb_build_object({changed}))).*
FROM {table} AS original, generate_series(1, %(rows)s) AS n WHERE {chosen}
"""
_CUSTOMER, _NUMBER = "'A9' || lpad(n::text, 7, '0')", "'A-S9' || lpad(n::text, 7, '0')"
_STATE = "(ARRAY['unapproved', 'approved', 'denied', 'approved'])[1 + n %% 4]"
_NAME = "original.company_name || ' ' || md5(n::text)"
_EARLIER = "- n * interval '1 minute'"
_COPIES = {
    "customers": (
        (
            f"'customer_id', {_CUSTOMER}, 'company_name', {_NAME}, 'balance', n %% 1000, 'application_number', null,"
            f" 'created_at', original.created_at {_EARLIER}"
        ),
        "customer_id = %(customer)s",
    ),
    "service_applications": (
        (
            f"'application_number', {_NUMBER}, 'company_name', {_NAME}, 'state', {_STATE},"
            f" 'submitted_at', original.submitted_at {_EARLIER}"
        ),
        "application_number = %(number)s",
    ),
    "procedures": (
        (
            f"'procedure_id', 'copy-' || n, 'subject', {_NUMBER}, 'state', {_STATE},"
            f" 'started_at', original.started_at {_EARLIER}"
        ),
        "subject = %(number)s",
    ),
    "mails": (
        (
            "'mail_id', 'copy-' || n, 'procedure_id', 'copy-' || n, 'message_id', 'copy-' || n,"
            f" 'queued_at', original.queued_at {_EARLIER}"
        ),
        "mail_id = (SELECT min(mail_id) FROM mails)",
    ),
}
_LISTS = {
    "customers, newest": "customers?limit=100",
    "customers, from the middle on": "customers?limit=100&cursor={customers}",
    "customers, part of a name": "customers?limit=100&company_name=00ff",
    "customers, largest balance": "customers?limit=100&sort=-balance",
    "a customer": "customers/A90000500",
    "applications, undecided": "applications?limit=100",
    "applications of a month": "applications?limit=100&status=all&from={month}&to={month}",
    "applications, part of a name": "applications?limit=100&status=all&company_name=00ff",
    "procedures under way": "procedures?limit=100&open=true",
    "mails, newest": "mails?limit=100",
    "a mail address's mails": "mails?limit=100&to=nobody@minato.example",
}
_READ = (
    "SELECT sum(seq_tup_read)::bigint, sum(coalesce(idx_tup_fetch, 0))::bigint"
    " FROM pg_stat_user_tables WHERE relname = ANY(%s)"
)
_STATISTICS_SECONDS = 11  # an idle connection reports what it has read after ten


@dataclass(frozen=True)
class Tenant:
    product: Product
    running: Running

    def url(self, path: str) -> str:
        return f"/v1/tenants/{self.product.tenant_id}/{path}"

    async def fill(self, rows: int) -> None:
        made = await self.product.api.post(self.url("customers"), json=FORM["company"], headers=self.product.staff)
        number = await self.product.submit()
        await self.product.confirm(number)
        values = {"rows": rows, "customer": made.raise_for_status().json()["customer_id"], "number": number}
        with psycopg.connect(self.running.ready["database_url"]) as connection:
            connection.execute("SELECT set_config('app.tenant', %s, true)", (self.product.tenant_id,))
            for table, (changed, chosen) in _COPIES.items():
                connection.execute(_COPY.format(table=table, changed=changed, chosen=chosen).encode(), values)
        with psycopg.connect(self.running.owner_database_url, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE")

    async def places(self) -> dict[str, str]:
        """A cursor half-way, and a month that all applications are in or half of them."""
        cursor, seen = "", 0
        while seen < 5_000:
            answer = await self.get(f"customers?limit=200{'&cursor=' + cursor if cursor else ''}")
            page = answer.json()
            cursor, seen = page["next_cursor"], seen + len(page["items"])
        listed = (await self.get("applications?limit=1")).json()["items"]
        return {"customers": cursor, "month": listed[0]["submitted_at"][:7]}

    async def get(self, path: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the client's own
        return (await self.product.api.get(self.url(path), headers=self.product.staff)).raise_for_status()

    def rows_read(self) -> tuple[int, int]:
        with psycopg.connect(self.running.owner_database_url) as owner:
            found = owner.execute(_READ, (list(_TABLES),)).fetchone()
        return (int(found[0]), int(found[1])) if found else (0, 0)


async def lists(tenant: Tenant, rounds: int) -> None:
    places = await tenant.places()
    print(f"{'':34}{'p50 ms':>8}{'p99 ms':>8}{'in order':>10}{'by index':>10}")
    await asyncio.sleep(_STATISTICS_SECONDS)
    after = tenant.rows_read()
    for name, path in _LISTS.items():
        before, times = after, []
        for _ in range(rounds):
            began = time.perf_counter()
            await tenant.get(path.format(**places))
            times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(_STATISTICS_SECONDS)
        after = tenant.rows_read()
        in_order, by_index = ((now - then) / rounds for now, then in zip(after, before, strict=True))
        worst = statistics.quantiles(times, n=100)[-1]
        print(f"{name:34}{statistics.median(times):8.1f}{worst:8.1f}{in_order:10.0f}{by_index:10.0f}", flush=True)


async def download(tenant: Tenant) -> None:
    before = highest = resident(tenant.running, "API")
    began, lines, size = time.perf_counter(), 0, 0
    url = tenant.url("applications.csv")
    async with tenant.product.api.stream("GET", url, headers=tenant.product.staff) as answer:
        async for chunk in answer.aiter_bytes():
            lines, size = lines + chunk.count(b"\r\n"), size + len(chunk)
            if lines % 50 == 0:
                highest = max(highest, resident(tenant.running, "API"))
    seconds = time.perf_counter() - began
    print(f"\nCSV: {lines - 1} rows, {size / 1e6:.0f} MB, {lines / seconds:.0f} rows a second;", end=" ")
    print(f"the API's memory {before:.0f} MB before, {highest:.0f} MB at most")


async def measure(running: Running, options: argparse.Namespace) -> None:
    tenant = Tenant(await prepare(running), running)
    await tenant.fill(options.rows)
    await lists(tenant, options.rounds)
    await download(tenant)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with running_product() as running:
        asyncio.run(measure(running, options))


if __name__ == "__main__":
    main()
