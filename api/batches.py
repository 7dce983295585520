"""Natural batching, tenant by tenant: while one batch is being worked off, the next gathers. The first goes at once.

No timer makes anybody wait: alone, a request goes alone; by the thousand, they share transactions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")
_LARGEST = 1000  # of a batch: whoever comes then is not kept waiting by an endless one


class Batches(Generic[ItemT, AnswerT]):
    """`work`: answers the items of a tenant, in their order. `room`: how many batches may be at work at once.

    When `work` fails, everybody in the batch hears of it.
    """

    def __init__(
        self, work: Callable[[str, list[ItemT]], Awaitable[list[AnswerT]]], *, room: asyncio.Semaphore
    ) -> None:
        self._work = work
        self._room = room
        self._gathered: dict[str, list[tuple[ItemT, asyncio.Future[AnswerT]]]] = {}
        self._working: dict[str, asyncio.Task[None]] = {}

    async def do(self, tenant_id: str, item: ItemT) -> AnswerT:
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._gathered.setdefault(tenant_id, []).append((item, answer))
        if tenant_id not in self._working:
            self._working[tenant_id] = asyncio.create_task(self._work_off(tenant_id))
        return await answer

    async def _work_off(self, tenant_id: str) -> None:
        try:
            while tenant_id in self._gathered:
                async with self._room:
                    gathered = self._gathered.pop(tenant_id)
                    batch, later = gathered[:_LARGEST], gathered[_LARGEST:]
                    if later:
                        self._gathered[tenant_id] = later
                    await self._answer(tenant_id, batch)
        finally:
            del self._working[tenant_id]

    async def _answer(self, tenant_id: str, batch: list[tuple[ItemT, asyncio.Future[AnswerT]]]) -> None:
        """Whoever has gone away meanwhile (its future is cancelled) is passed over."""
        try:
            answers = await self._work(tenant_id, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - the callers raise it, each in its own request
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
