"""Waiting for something until a deadline."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

_ABOUT_TO_FIRE = timedelta(minutes=1)


async def holds_in_time(condition: Callable[[], bool], deadline: datetime | None, *, summary: str) -> bool:
    """Wait for the condition; False when the deadline came first.

    A timer that is about to fire is left to fire for nothing. To cancel it would be to race it, and a rehearsal's
    server never lets go of a workflow whose timer fires while its cancellation is under way.
    """
    if deadline is None:
        await workflow.wait_condition(condition)
        return True
    if condition() or deadline <= workflow.now():
        return condition()
    timer = asyncio.create_task(workflow.sleep(deadline - workflow.now(), summary=summary))
    await workflow.wait_condition(lambda: condition() or timer.done())
    if not timer.done() and deadline - workflow.now() > _ABOUT_TO_FIRE:
        timer.cancel()
    return condition()
