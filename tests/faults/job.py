"""A job that people do step by step, each step once and in order; what is killed meanwhile is not its concern."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tests.faults.client import Client, Operation
from tests.faults.site import TENANT, Site

Step = Callable[[], Coroutine[Any, Any, Operation]]


class Job(ABC):
    tenant_id = TENANT
    """Some have one of their own."""

    def __init__(self, site: Site, name: str, *, steps: tuple[str, ...]) -> None:
        self.name = name
        self.steps = steps
        self._site = site
        self._begun: dict[str, asyncio.Task[Operation]] = {}

    @property
    @abstractmethod
    def addresses(self) -> dict[str, str]:
        """Whom it has mails sent to, by what they are to it."""

    @abstractmethod
    def acts(self) -> dict[str, Step]:
        """How each step is done."""

    @abstractmethod
    def needs(self) -> dict[str, Callable[[], Awaitable[object]]]:
        """What some steps wait for, besides those before them."""

    @property
    def _client(self) -> Client:
        return self._site.client

    def begin(self, step: str) -> asyncio.Task[Operation]:
        """Do the step, in the background; the same one however often it is begun."""
        if step not in self._begun:
            self._begun[step] = asyncio.create_task(self.acts()[step]())
        return self._begun[step]

    async def ready_for(self, step: str) -> None:
        """Do everything before the step, and have in hand what it needs."""
        for earlier in self.steps[: self.steps.index(step)]:
            await self.ready_for(earlier)
            await asyncio.shield(self.begin(earlier))  # whoever stops waiting does not stop the step
        need = self.needs().get(step)
        if need is not None and step not in self._begun:
            await need()

    async def until(self, step: str) -> None:
        await self.ready_for(step)
        await asyncio.shield(self.begin(step))

    async def finish(self) -> None:
        await self.until(self.steps[-1])
