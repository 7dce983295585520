"""The rehearsal's clock: read it, and jump ahead. There is none but under rehearsal."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy import DateTime, cast, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from api.authentication import Operator
from api.context import Context, Shared
from api.idempotency import PostedRequest
from models.fields import Duration, Input, Instant
from models.refusals import FieldError, InvalidInput, NotFound
from models.tables.procedures import Mail, Procedure
from models.tables.tenants import Tenant
from models.vocabulary import MailState
from workflows.world_clock import WorldClock

router = APIRouter(prefix="/v1/rehearsal", tags=["Rehearsal"])
_FARTHEST = timedelta(days=3660)
_LOOK_EVERY_SECONDS = 0.05
_PATIENCE_SECONDS = 25  # the engine gives a lost task again after ten


class Advance(Input):
    """One of the two."""

    by: Annotated[Duration, Field(le=_FARTHEST)] | None = None
    to: Instant | None = None

    def target(self, now: datetime) -> datetime:
        """Raises: InvalidInput: neither, both, back, or farther than ten years."""
        if self.to is None and self.by is None:
            raise InvalidInput(errors=[FieldError("by", "required")])
        if self.to is not None and self.by is not None:
            raise InvalidInput(errors=[FieldError("to", "not_both", {"choices": "by, to"})])
        target = self.to or now + (self.by or timedelta(0))
        if target < now:
            raise InvalidInput(errors=[FieldError("to", "in_the_past")])
        if target > now + _FARTHEST:
            raise InvalidInput(errors=[FieldError("to", "too_large", {"maximum": (now + _FARTHEST).isoformat()})])
        return target


class ClockTime(BaseModel):
    now: datetime


class Advanced(ClockTime):
    unfinished: list[str] = Field(
        description="Procedures that did not do what was due, though waited for; empty when all is well."
    )


def _world_clock(context: Shared) -> WorldClock:
    if not isinstance(context.clock, WorldClock):
        raise NotFound
    return context.clock


Clock = Annotated[WorldClock, Depends(_world_clock)]


@router.get("/clock")
async def clock(operator: Operator, world: Clock) -> ClockTime:
    return ClockTime(now=await world.now())


@router.post("/advance", response_model=Advanced)
async def advance(
    body: Advance, context: Shared, operator: Operator, world: Clock, *, posted: PostedRequest
) -> Response:
    """Jump ahead, and answer once everything due by then has been done: timers, mails, what recurs.

    A mail that its server does not take waits for its next try, and a procedure that needs an operator for one; neither
    is waited for. A year is 365 days and a month 30.
    """
    once = await posted.by(operator.actor)
    if once.command_id not in world.targets:
        world.targets[once.command_id] = body.target(await world.now())
    target = world.targets[once.command_id]
    await world.advance(target)
    unfinished = await _settle(context, target)
    return await once.answer(Advanced(now=await world.now(), unfinished=sorted(unfinished)))


async def _settle(context: Context, target: datetime) -> set[str]:
    """Wait until nothing due is left, or until what is left has not changed for some seconds."""
    left, changed_at = Counter({"": 1}), time.monotonic()
    while left and time.monotonic() - changed_at < _PATIENCE_SECONDS:
        now_left = await _left(context, target)
        if now_left != left:
            left, changed_at = now_left, time.monotonic()
        else:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
    return set(left)


async def _left(context: Context, target: datetime) -> Counter[str]:
    """What is due and not done, by the procedure's id, or `recurrences`."""
    recurrence = await context.commands.next_recurrence()
    left = Counter({"recurrences"} if recurrence is not None and recurrence <= target else ())
    async with context.database.transaction(operator=True) as connection:
        first_at = cast(Procedure.next[0]["at"].astext, DateTime(timezone=True))
        late = await connection.execute(
            select(Procedure.procedure_id).where(
                Procedure.ended_at.is_(None), Procedure.attention.is_(None), first_at <= target
            )
        )
        left.update(late.scalars())
        tenants = (await connection.execute(select(Tenant.tenant_id))).scalars().all()
    for tenant_id in tenants:
        left.update(await _mails_due(context, tenant_id, target))
    return left


async def _mails_due(context: Context, tenant_id: str, target: datetime) -> list[str]:
    """The procedures they belong to. Nobody but a tenant reads its mails, so each is asked under its own policy."""
    waiting = (MailState.QUEUED, MailState.SENDING, MailState.DEFERRED, MailState.UNKNOWN)
    async with context.database.transaction(tenant_id) as connection:
        # Of a recipient's mails the first goes first; until then the others are not due.
        first = (
            select(Mail.procedure_id, Mail.next_attempt_at)
            .ext(distinct_on(Mail.procedure_id, Mail.recipient))
            .where(Mail.tenant_id == tenant_id, Mail.state.in_(waiting))
            .order_by(Mail.procedure_id, Mail.recipient, Mail.sequence)
            .subquery()
        )
        due = or_(first.c.next_attempt_at.is_(None), first.c.next_attempt_at <= target)
        return list((await connection.execute(select(first.c.procedure_id).where(due))).scalars())
