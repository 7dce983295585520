"""Natural batching: what comes while a batch is worked off makes the next one."""

import asyncio

import pytest

from api.batches import Batches


class Work:
    """Doubles numbers, once it is let."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.may_end = asyncio.Semaphore(0)

    async def __call__(self, tenant_id: str, numbers: list[int]) -> list[int]:
        self.batches.append((tenant_id, numbers))
        await self.may_end.acquire()
        if 0 in numbers:
            raise ZeroDivisionError
        return [2 * number for number in numbers]


async def begun(batches: Batches[int, int], *items: tuple[str, int]) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(batches.do(*item)) for item in items]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_the_first_goes_at_once_and_the_next_go_together_tenant_by_tenant() -> None:
    """Everybody gets the answer to their own; a tenant never waits for another's batch."""
    work = Work()
    batches = Batches(work, room=asyncio.Semaphore(2))
    tasks = await begun(batches, ("A", 1))
    tasks += await begun(batches, ("A", 2), ("A", 3), ("B", 4))
    assert work.batches == [("A", [1]), ("B", [4])]
    for _ in range(3):
        work.may_end.release()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert work.batches[2:] == [("A", [2, 3])]


async def test_no_more_batches_are_at_work_than_there_is_room_for() -> None:
    """What waits for room goes on gathering."""
    work = Work()
    batches = Batches(work, room=asyncio.Semaphore(1))
    tasks = await begun(batches, ("A", 1), ("B", 2))
    tasks += await begun(batches, ("B", 3))
    assert work.batches == [("A", [1])]
    for _ in range(2):
        work.may_end.release()
    assert await asyncio.gather(*tasks) == [2, 4, 6]
    assert work.batches[1:] == [("B", [2, 3])]


async def test_a_failed_batch_fails_for_all_in_it_and_the_next_goes_on() -> None:
    """Who has gone away meanwhile is passed over."""
    work = Work()
    batches = Batches(work, room=asyncio.Semaphore(1))
    tasks = await begun(batches, ("A", 0))
    gone, *stayed = await begun(batches, ("A", 1), ("A", 2))
    gone.cancel()
    for _ in range(2):
        work.may_end.release()
    with pytest.raises(ZeroDivisionError):
        await tasks[0]
    assert await stayed[0] == 4


async def test_a_batch_has_an_end() -> None:
    """A thousand; the rest comes next."""
    work = Work()
    batches = Batches(work, room=asyncio.Semaphore(1))
    tasks = await begun(batches, *(("A", number) for number in range(1, 1502)))
    for _ in range(3):
        work.may_end.release()
    assert (await asyncio.gather(*tasks))[-1] == 3002
    assert [len(numbers) for _, numbers in work.batches] == [1000, 501]
