"""Tetsuzuki beside other engines on the same mini process, the same Postgres and the same mail server.

    make bench-peers                                        everything, within 15 minutes
    .venv-bench/bin/python -m bench.peers --quick           everything, smaller, in two minutes or so; writes nothing
    .venv-bench/bin/python -m bench.peers speed kills       some parts
    .venv-bench/bin/python -m bench.peers memory --waiting 10000 --memory-seconds 1200
                                                            all of them up to ten thousand, however long it takes

What was measured is kept in bench/peers/measured.json and put into docs/performance.md, with a chart.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.peers.celery_peer import CeleryWithRedis
from bench.peers.dbos_peer import Dbos
from bench.peers.kills import killed
from bench.peers.mailbox import Mailbox
from bench.peers.measured import Measured, machine
from bench.peers.ours import Ours
from bench.peers.peer import Peer, Site
from bench.peers.polled_table import PolledTable
from bench.peers.procrastinate_peer import Procrastinate
from bench.peers.report import Report
from bench.peers.speed import Extent, Races
from bench.peers.temporal_bare import BareTemporal
from bench.peers.waiting import memory_of
from bench.product import Running, running_product
from local.processes import free_port

PEERS: tuple[type[Peer], ...] = (Ours, BareTemporal, Dbos, Procrastinate, CeleryWithRedis, PolledTable)
PARTS = ("speed", "kills", "memory")
_QUICK = {"rounds": 1, "samples": 10, "seconds": 3.0, "kills": 5, "waiting": 300, "memory_seconds": 5.0}


class Run:
    def __init__(self, options: argparse.Namespace, peers: Sequence[Peer], mailbox: Mailbox) -> None:
        self._options = options
        self._peers = peers
        self._mailbox = mailbox
        self.measured = Measured() if options.quick else Measured.kept()

    async def all(self) -> None:
        parts = {"speed": self._speed, "kills": self._kills, "memory": self._memory}
        for part in self._options.parts or PARTS:
            print(f"\n{part}", flush=True)
            await parts[part]()
            self.measured.machines[part] = machine()

    async def _speed(self) -> None:
        options = self._options
        extent = Extent(options.rounds, options.samples, options.clients, options.seconds)
        races = Races(self._peers, self._mailbox, extent)
        await races.run()
        self.measured.speeds = races.speeds
        self.measured.extent = dataclasses.asdict(extent)

    async def _kills(self) -> None:
        options = self._options
        extent = {"kills": options.kills, "seconds": options.kill_seconds}
        run = killed(self._peers, self._mailbox, **extent, seed=options.seed)
        self.measured.survived = dict(await run)

    async def _memory(self) -> None:
        options = self._options
        self.measured.memories = await memory_of(
            self._peers, self._mailbox, waiting=options.waiting, seconds=options.memory_seconds
        )


@contextlib.asynccontextmanager
async def _set_up(site: Site, kinds: Sequence[type[Peer]]) -> AsyncIterator[list[Peer]]:
    async with contextlib.AsyncExitStack() as ends:
        peers = []
        for kind in kinds:
            peer = kind(site)
            await peer.set_up()
            ends.push_async_callback(peer.close)
            peers.append(peer)
        yield peers


async def measure(running: Running, options: argparse.Namespace) -> None:
    passwords = json.loads((running.data_dir / "secrets.json").read_text())["postgres"]
    app, superuser = f"app:{passwords['app']}", f"postgres:{passwords['superuser']}"
    mailbox = Mailbox(free_port())
    await mailbox.come_up()
    kinds = [kind for kind in PEERS if not options.only or kind.name in options.only]
    with tempfile.TemporaryDirectory() as folder:
        url = running.ready["database_url"].replace(app, superuser)
        site = Site(running, mailbox.port, url, Path(options.logs or folder))
        async with _set_up(site, kinds) as peers:
            run = Run(options, peers, mailbox)
            await run.all()
    await mailbox.go_down()
    report = Report(run.measured, {kind.name: kind.title for kind in PEERS})
    print(f"\n{report.markdown()}")
    if not options.quick and not options.only:
        run.measured.keep()
        report.write()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all of them unless named")
    parser.add_argument("--only", nargs="+", help="these engines, by name; writes nothing")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=40, help="processes by one client, of each engine in each round")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--kill-seconds", type=float, default=400, help="after which nobody is killed any more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--memory-seconds", type=float, default=20, help="for each engine to make them wait")
    parser.add_argument("--logs", help="folder for the workers' logs, kept")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(_QUICK)
    return options


def main() -> None:
    options = _options()
    with running_product() as running:
        asyncio.run(measure(running, options))


if __name__ == "__main__":
    main()
