"""How fast: a person's waits with one client, and whole processes a second with many. The engines take turns."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.peers.mailbox import Mailbox
from bench.peers.peer import Peer
from bench.peers.worker_process import WorkerProcess

WARM_UP = 10
"""Processes before the first that counts."""
_SETTLING = 0.1  # seconds between two acts of one client: what the first still has to do is not the second's time
_READY_WITHIN = 60  # seconds for a worker to send its first mail
_PAUSE_BETWEEN = 1.0  # seconds from one engine's turn to the next one's


@dataclass
class Speed:
    """Milliseconds at one client, and processes a second with many, a rate each round."""

    invited: list[float] = field(default_factory=list)
    """From the request to begin until the invitation is with the mail server."""
    answered: list[float] = field(default_factory=list)
    """From the decision to its answer."""
    welcomed: list[float] = field(default_factory=list)
    """From the decision until the welcome is with the mail server."""
    rates: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Extent:
    rounds: int
    samples: int
    """Of each engine in each round, by one client."""
    clients: int
    seconds: float
    """Of each engine in each round, with all clients."""


class Races:
    def __init__(self, peers: Sequence[Peer], mailbox: Mailbox, extent: Extent) -> None:
        self._peers = peers
        self._mailbox = mailbox
        self._extent = extent
        self._number = itertools.count()
        self.speeds = {peer.name: Speed() for peer in peers}

    async def run(self) -> None:
        """Each round begins with another engine, so that none is always first on a machine that has rested."""
        for first in range(self._extent.rounds):
            turn = first % len(self._peers)
            for peer in [*self._peers[turn:], *self._peers[:turn]]:
                await self._take_turn(peer)

    async def _take_turn(self, peer: Peer) -> None:
        speed, worker = self.speeds[peer.name], WorkerProcess(peer)
        worker.start()
        try:
            async with asyncio.timeout(_READY_WITHIN):
                await self._one(peer, Speed())
            await asyncio.gather(*(self._whole(peer) for _ in range(WARM_UP)))
            for _ in range(self._extent.samples):
                await self._one(peer, speed)
            rate = await self._rate(peer)
            speed.rates.append(rate)
            print(f"  {peer.name:14}{rate:7.1f} a second", flush=True)
        finally:
            await asyncio.to_thread(worker.stop)
        self._mailbox.forget()
        await asyncio.sleep(_PAUSE_BETWEEN)

    async def _one(self, peer: Peer, speed: Speed) -> None:
        """A process by one client, act by act."""
        key = self._key(peer)
        began = time.monotonic()
        process = await peer.begin(key)
        speed.invited.append(_since(began, await self._mailbox.arrival(peer.invitation(key))))
        await asyncio.sleep(_SETTLING)
        await peer.make_ready(process)
        await asyncio.sleep(_SETTLING)
        began = time.monotonic()
        await peer.decide(process)
        speed.answered.append(_since(began, time.monotonic()))
        speed.welcomed.append(_since(began, await self._mailbox.arrival(peer.welcome(key))))
        await asyncio.sleep(_SETTLING)

    async def _whole(self, peer: Peer) -> None:
        """A process as fast as it goes, until its last mail."""
        key = self._key(peer)
        process = await peer.begin(key)
        await self._mailbox.arrival(peer.invitation(key))
        await peer.make_ready(process)
        await peer.decide(process)
        await asyncio.gather(*(self._mailbox.arrival(awaited) for awaited in peer.last_mails(key)))

    async def _rate(self, peer: Peer) -> float:
        """Whole processes a second, the last ones' ends included."""
        began = time.monotonic()
        done = 0

        async def client() -> None:
            nonlocal done
            while time.monotonic() - began < self._extent.seconds:
                await self._whole(peer)
                done += 1

        await asyncio.gather(*(client() for _ in range(self._extent.clients)))
        return done / (time.monotonic() - began)

    def _key(self, peer: Peer) -> str:
        return f"{peer.name}-{next(self._number)}"


def _since(began: float, ended: float) -> float:
    return (ended - began) * 1000
