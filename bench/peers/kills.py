"""What becomes of the mails when the worker is killed, again and again, in the middle of its work.

In each of its lives a worker finds processes that have just begun or been decided, and dies at a random moment of
the half second after its first mail. All engines go through it at the same time: it counts, and measures no speed.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.peers.mailbox import Mailbox
from bench.peers.peer import Peer
from bench.peers.worker_process import WorkerProcess

BEGUN_PER_LIFE = 2
_LONGEST_LIFE = 0.5  # seconds after the first mail
_FIRST_MAIL_WITHIN = 20.0  # seconds; then it is killed all the same
_STANDSTILL = 120.0  # seconds without a mail once all kills are done: what has not come by then is lost


@dataclass
class Survived:
    """`mails`: those that were due. Of these, how many never came, and how many copies too many."""

    kills: int
    mails: int
    lost: int
    doubled: int
    longest_unnoted: float
    """Milliseconds from the mail server's taking in one that came again until its sender died, at most."""


class Massacre:
    def __init__(self, peer: Peer, mailbox: Mailbox, seed: int) -> None:
        self._peer = peer
        self._mailbox = mailbox
        self._worker = WorkerProcess(peer)
        self._random = random.Random(f"{peer.name}-{seed}")  # noqa: S311 - moments, not secrets
        self._due = Counter[str]()
        self._processes: set[asyncio.Task[None]] = set()
        self._trouble: list[BaseException] = []

    async def run(self, kills: int, seconds: float) -> Survived:
        ends = time.monotonic() + seconds
        done = 0
        try:
            while done < kills and time.monotonic() < ends:
                await self._live_and_die(done)
                done += 1
            self._worker.start()
            await self._end()
        finally:
            await asyncio.to_thread(self._worker.kill)
            for process in self._processes:
                process.cancel()
            await asyncio.gather(*self._processes, return_exceptions=True)
        lost, doubled = self._mailbox.lost_and_doubled(self._due)
        for trouble in self._trouble:
            print(f"  {self._peer.name}: {trouble!r}", flush=True)
        longest = self._mailbox.longest_unnoted(self._due) * 1000
        return Survived(done, self._due.total(), lost, doubled, longest)

    async def _live_and_die(self, life: int) -> None:
        self._worker.start()
        for number in range(BEGUN_PER_LIFE):
            self._begin(f"{self._peer.name}-dies-{life}-{number}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_MAIL_WITHIN):
                await self._mailbox.next_at(f"{self._peer.name}.example")
        await asyncio.sleep(self._random.uniform(0, _LONGEST_LIFE))
        await asyncio.to_thread(self._worker.kill)

    def _begin(self, key: str) -> None:
        self._due.update(self._peer.due_mails(key))
        process = asyncio.create_task(self._whole(key))
        self._processes.add(process)
        process.add_done_callback(self._ended)

    async def _whole(self, key: str) -> None:
        process = await self._peer.begin(key)
        await self._mailbox.arrival(self._peer.invitation(key))
        await self._peer.make_ready(process)
        await self._peer.decide(process)
        await self._mailbox.arrival(self._peer.welcome(key))

    def _ended(self, process: "asyncio.Task[None]") -> None:
        self._processes.discard(process)
        if not process.cancelled() and (trouble := process.exception()) is not None:
            self._trouble.append(trouble)

    async def _end(self) -> None:
        """Until every mail is there, or none has come for long. What would come twice has a little longer."""
        last, before = time.monotonic(), (0, 0)
        while time.monotonic() - last < _STANDSTILL:
            now = self._mailbox.lost_and_doubled(self._due)
            if now[0] == 0 and time.monotonic() - last > _STANDSTILL / 4:
                return
            if now != before:
                last, before = time.monotonic(), now
            await asyncio.sleep(0.5)


async def killed(
    peers: Sequence[Peer], mailbox: Mailbox, *, kills: int, seconds: float, seed: int
) -> Mapping[str, Survived]:
    """So many each, unless the time is over before."""
    runs = [Massacre(peer, mailbox, seed).run(kills, seconds) for peer in peers]
    return dict(zip([peer.name for peer in peers], await asyncio.gather(*runs), strict=True))
