"""Where the time comes from outside workflows. Inside a workflow it is `workflow.now()`."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    async def now(self) -> datetime:
        """The present instant, aware, in UTC. Under rehearsal it is the world clock's, which can jump ahead."""
        ...


class SystemClock:
    async def now(self) -> datetime:
        return machine_time()


def machine_time() -> datetime:
    """The machine's own time, also under rehearsal: for how long processes wait for each other, and nothing else."""
    return datetime.now(UTC)
