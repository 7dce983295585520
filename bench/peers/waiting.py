"""What many waiting processes take of memory: begun and invited, and nobody decides."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.peers.mailbox import Mailbox
from bench.peers.peer import Peer
from bench.peers.worker_process import WorkerProcess, resident

_AT_ONCE = 20
_RESTING = 3.0  # seconds until memory is read


@dataclass
class Memory:
    """Megabytes. `waiting`: how many processes there were when the time was over."""

    waiting: int
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)


async def memory_of(peers: Sequence[Peer], mailbox: Mailbox, *, waiting: int, seconds: float) -> dict[str, Memory]:
    """Of each worker and of what it needs besides Postgres. Each engine has so many seconds to make them wait."""
    found = {}
    for peer in peers:
        worker = WorkerProcess(peer)
        worker.start()
        try:
            found[peer.name] = await _one(peer, mailbox, worker, waiting=waiting, seconds=seconds)
        finally:
            await asyncio.to_thread(worker.stop)
        mailbox.forget()
        print(f"  {peer.name:14}{found[peer.name].waiting:6} waiting", flush=True)
    return found


async def _one(peer: Peer, mailbox: Mailbox, worker: WorkerProcess, *, waiting: int, seconds: float) -> Memory:
    await _invited(peer, mailbox, "first")
    await asyncio.sleep(_RESTING)
    before = _read(peer, worker)
    ends = time.monotonic() + seconds
    numbers = itertools.count(1)
    done = 0

    async def client() -> None:
        nonlocal done
        while time.monotonic() < ends and (number := next(numbers)) <= waiting:
            await _invited(peer, mailbox, str(number))
            done += 1

    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
    await asyncio.sleep(_RESTING)
    return Memory(done, before, _read(peer, worker))


async def _invited(peer: Peer, mailbox: Mailbox, name: str) -> None:
    key = f"{peer.name}-waits-{name}"
    await peer.begin(key)
    await mailbox.arrival(peer.invitation(key))


def _read(peer: Peer, worker: WorkerProcess) -> dict[str, float]:
    return {"worker": worker.resident(), **{name: resident(pid) for name, pid in peer.servers.items()}}
