"""A play: whatever people, devices, clocks, mail servers and workers do, one thing after the other, drawn at random.

Every command is given to the product and noted on paper; then both have to agree (`agreement.py`). Rules of one area
stand in `scenes_….py`; here is what all have in common, and what nobody commands.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from models.database import Database
from settings import Settings
from tests.faults.forgetful import forgetful
from tests.households import checksum
from tests.machine.agreement import agree, close, tokens
from tests.machine.paper import DAY, HOUR, MINUTE, Account, Page
from tests.machine.paper_restarts import Contract, next_turn
from tests.machine.stage import OTHER, Stage, open_stage
from tests.world import Employ, in_this_process

P = TypeVar("P", bound=Page)
T = TypeVar("T")
Command = Callable[..., Awaitable[None]]
PICK = st.integers(0, 2)
MOST = 3
"""So many of a kind are begun by whoever can begin as many as they like."""
SECOND = timedelta(seconds=1)
_TIMES = (SECOND, 14 * MINUTE, 15 * MINUTE, DAY - 2 * SECOND, DAY + SECOND, 7 * DAY)
_JUST_BEFORE = 3 * MINUTE
_TOO_NEAR = 90 * SECOND
"""Nothing is commanded so shortly before something is due: who is first would be chance. That, other tests race."""
_WORST_BACKOFF = 61 * MINUTE


class Worker(StrEnum):
    """Whom a play runs on."""

    LIKE_ANY = "like any"
    WITHOUT_A_MEMORY = "without a memory"
    """Makes each procedure anew from its history whenever it is needed."""
    FORGETFUL = "that forgets"
    """Loses each step's transaction and each completion once, as one that dies does."""


class Play(RuleBasedStateMachine):
    stage: Stage

    def __init__(self, runner: asyncio.Runner, database: Database, settings: Settings, tally: Counter[str]) -> None:
        super().__init__()
        self._runner = runner
        self._tally = tally
        self._curtain = AsyncExitStack()
        self._is_broken = False
        self._again: tuple[Command, tuple[object, ...], dict[str, object]] | None = None
        self.account = Account()
        self._database, self._settings = database, settings

    @initialize(worker=st.sampled_from(Worker))
    def the_curtain_rises(self, worker: Worker) -> None:
        kept = 0 if worker is Worker.WITHOUT_A_MEMORY else 150
        settings = self._settings.model_copy(update={"worker_max_cached_workflows": kept})
        employ: Employ = in_this_process
        if worker is Worker.FORGETFUL:
            employ = forgetful(self._curtain.enter_context(pytest.MonkeyPatch.context()))
        self.stage = self._run(self._curtain.enter_async_context(open_stage(self._database, settings, employ)))
        self._next_door = self._run(checksum(self._database, OTHER))
        self._tally[f"plays on a worker {worker}"] += 1

    # For the scenes.

    def do(self, command: Command, *args: object, **named: object) -> None:
        """Give the command, and see that product and paper agree on what came of it."""
        self._again = command, args, named
        self._step(self._given(command, *args, **named))

    def begin(self, command: Command, *args: object) -> None:
        """Likewise something new: that is not given again, or there would soon be nothing else."""
        self._step(self._given(command, *args))

    def one(self, kind: type[P], pick: int) -> P:
        """One of the newest pages of that kind."""
        pages = self.all(kind)
        return pages[-1 - pick % len(pages)]

    def all(self, kind: type[P]) -> list[P]:
        return [page for page in self.stage.pages if isinstance(page, kind)]

    def put(self, page: Page) -> None:
        self.stage.pages.append(page)

    # What nobody commands.

    @rule(by=st.sampled_from(_TIMES))
    def time_passes(self, by: timedelta) -> None:
        self._step(self._advance(by))

    @rule(just_before=st.booleans())
    def the_next_deadline_comes(self, *, just_before: bool) -> None:
        self._step(self._to_the_next_deadline(just_before=just_before))

    @precondition(lambda self: self.stage.is_up and self.stage.pages)
    @rule(is_greylisting=st.booleans())
    def the_mail_server_goes(self, *, is_greylisting: bool) -> None:
        self.stage.is_up, self.stage.had_outage = False, True
        if is_greylisting:
            seen = Counter[str]()

            def first_refused(recipient: str) -> str | None:
                seen[recipient] += 1
                return "451 4.7.1 greylisted" if seen[recipient] == 1 else None

            self.stage.mails.answer = first_refused
        else:
            self.stage.mails.answer = lambda _: "421 4.3.2 closing"
        self._tally["mail server away"] += 1

    @precondition(lambda self: not self.stage.is_up)
    @rule()
    def the_mail_server_is_back(self) -> None:
        self._step(self._mail_is_back())

    @precondition(lambda self: self.stage.pages)
    @rule(pick=PICK)
    def a_scanner_opens_the_links(self, pick: int) -> None:
        self.do(self._scan, self.one(Page, pick))

    @precondition(lambda self: self.stage.last)
    @rule()
    def the_last_request_comes_again(self) -> None:
        """With its key: it is answered as it was, and changes nothing."""
        self._step(self._repeat())

    @precondition(lambda self: self._again)
    @rule()
    def the_last_command_is_given_again(self) -> None:
        """With a key of its own: it is judged anew."""
        if self._again:
            command, args, named = self._again
            self.do(command, *args, **named)

    def teardown(self) -> None:
        try:
            if not self._is_broken:
                self._step(self._end())
        finally:
            self._run(self._curtain.aclose())

    # How.

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def _step(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tally["steps"] += 1
        try:
            self._run(self._watched(coroutine))
        except BaseException:
            self._is_broken = True
            raise

    async def _watched(self, coroutine: Coroutine[Any, Any, None]) -> None:
        await coroutine
        await agree(self.stage)
        assert await checksum(self.stage.database, OTHER) == self._next_door, "something next door has changed"

    async def _given(self, command: Command, *args: object, **named: object) -> None:
        await self._let_pass_what_is_near()
        await command(*args, **named)
        self._tally[command.__name__.strip("_").replace("_", " ")] += 1

    async def _let_pass_what_is_near(self) -> None:
        while (near := min(self._dues(await self.stage.now()))) < await self.stage.now() + _TOO_NEAR:
            await self._go_to(near + SECOND)

    def _dues(self, now: datetime) -> list[datetime]:
        dues = [page.due for page in self.stage.pages] + [self.account.locked_until]
        return [next_turn(now), *(due for due in dues if due is not None and due > now)]

    async def _advance(self, by: timedelta) -> None:
        await self._go_to(await self.stage.now() + by)

    async def _to_the_next_deadline(self, *, just_before: bool) -> None:
        now = await self.stage.now()
        landmarks = [page.landmark if isinstance(page, Contract) else page.due for page in self.stage.pages]
        dues = [due for due in landmarks if due is not None and due > now]
        if dues:
            await self._go_to(max(now, min(dues) - _JUST_BEFORE * just_before))

    async def _go_to(self, instant: datetime) -> None:
        if not self.stage.is_up and instant - await self.stage.now() > DAY:
            await self._mail_is_back()  # five days away, and an operator would have to help
        await self.stage.world.advance_to(instant)
        await agree(self.stage)

    async def _mail_is_back(self) -> None:
        self.stage.mails.answer = lambda _: None
        await self.stage.world.advance_to(await self.stage.now() + _WORST_BACKOFF)
        self.stage.is_up = True
        await agree(self.stage)

    async def _scan(self, page: Page) -> None:
        for token in (await tokens(self.stage, page.procedure_id))[-3:]:
            await self.stage.scan(token)
            await self.stage.is_refused_alike(token)

    async def _repeat(self) -> None:
        last = self.stage.last
        if last is None:
            return
        answer = await self.stage.api.post(last.url, json=last.body, headers=last.headers)
        assert (answer.status_code, answer.text) == (last.status, last.answer)
        self._tally["requests repeated"] += 1

    async def _end(self) -> None:
        if not self.stage.is_up:
            await self._mail_is_back()
        await self._advance(HOUR)
        await close(self.stage)
