"""Mails a second from the ledger to the mail server, beside aiosmtplib sending ready-made messages to the same server.

    .venv/bin/python -m bench.mails [--mails 1000] [--procedures 10] [--rounds 3]

Each round queues copies of one mail for some applications and then denies these, which has everything of theirs sent. A
delivery finds and leases the mail, renders it, sends it and notes what became of it, one after the other in
each procedure. The other side makes one message and sends it over one connection, and over as many as there are
procedures.
"""

import argparse
import asyncio
import json
import statistics
import time
from email.message import EmailMessage

import aiosmtplib
import psycopg

from bench.product import Product, Running, prepare, running_product

_COPIES = """
INSERT INTO mails OVERRIDING USER VALUE
SELECT (jsonb_populate_record(original, jsonb_build_object(
    'mail_id', original.mail_id || '-' || n, 'message_id', '<' || original.mail_id || '-' || n || '@bench>',
    'step', 'copy-' || n, 'state', 'queued', 'subject', null, 'text', null, 'html', null, 'sent_at', null))).*
FROM mails AS original, generate_series(1, %s) AS n
WHERE original.procedure_id LIKE '%%-' || %s AND template = 'application_received'
"""
_UNSENT = "SELECT count(*) FROM mails WHERE state <> 'sent'"


class Ledger:
    def __init__(self, product: Product, running: Running) -> None:
        self._connection = psycopg.connect(running.ready["database_url"], autocommit=True)
        self._connection.execute("SELECT set_config('app.tenant', %s, false)", (product.tenant_id,))

    def unsent(self) -> int:
        found = self._connection.execute(_UNSENT).fetchone()
        return int(found[0]) if found else 0

    async def empty(self) -> None:
        while self.unsent():  # noqa: ASYNC110 - the sender is another process
            await asyncio.sleep(0.05)

    def queue(self, number: str, count: int) -> None:
        self._connection.execute(_COPIES, (count, number))


async def ours(product: Product, ledger: Ledger, mails: int, procedures: int) -> float:
    """Mails a second."""
    numbers = [await product.submit() for _ in range(procedures)]
    for number in numbers:
        await product.confirm(number)
    await ledger.empty()
    for number in numbers:
        ledger.queue(number, mails // procedures)
    whole = ledger.unsent() + 2 * procedures  # a decision has two of its own
    began = time.perf_counter()
    await asyncio.gather(*(product.decide(number) for number in numbers))
    await ledger.empty()
    return whole / (time.perf_counter() - began)


async def ready_made(port: int, mails: int, connections: int) -> float:
    """Likewise, over so many connections."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@bench.example", "taro@bench.example", "ready-made"
    message.set_content("x" * 2000)
    wire = message.as_bytes()

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) as server:
            for _ in range(mails // connections):
                await server.sendmail("desk@bench.example", ["taro@bench.example"], wire)

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    return mails / (time.perf_counter() - began)


async def measure(running: Running, options: argparse.Namespace) -> None:
    product = await prepare(running)
    ledger = Ledger(product, running)
    port = json.loads((running.data_dir / "ports.json").read_text())["smtp"]
    rates: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        several = await ours(product, ledger, options.mails, options.procedures)
        rates.setdefault(f"ours, {options.procedures} procedures", []).append(several)
        rates.setdefault("ours, one procedure", []).append(await ours(product, ledger, options.mails // 4, 1))
        for connections in (1, options.procedures):
            name = f"ready-made, {connections} connection{'s' if connections > 1 else ''}"
            rates.setdefault(name, []).append(await ready_made(port, options.mails, connections))
    best = statistics.median(rates["ready-made, 1 connection"])
    print(f"{'mails a second':32}{'median':>8}{'least':>8}{'most':>8}{'÷ ready-made':>14}")
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"{name:32}{median:8.0f}{min(values):8.0f}{max(values):8.0f}{median / best:14.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=1000)
    parser.add_argument("--procedures", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with running_product() as running:
        asyncio.run(measure(running, options))


if __name__ == "__main__":
    main()
