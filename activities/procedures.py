"""What every procedure may do: begin another, raise attention, be ended by an operator."""

import asyncio

from pydantic import BaseModel
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.records import Records
from models.audit import Fact
from models.messages.procedure import BeginProcedure, BeginProcedures, Nudges, RecordAttention, RecordEnd
from models.procedures import Standing
from models.rules.words_without_addresses import without_addresses
from models.tables.procedures import Procedure

_STARTED_AT_ONCE = 10


class Recorded(BaseModel):
    """A step that answers nothing but that it is done."""


class ProcedureActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_attention(self, message: RecordAttention) -> None:
        identity = message.identity
        fact = Fact(
            tenant_id=identity.tenant_id,
            at=message.at,
            actor=message.actor,
            what=message.what,
            subject=identity.subject,
            procedure_id=identity.procedure_id,
            # A procedure that starts again under its id counts anew; the instant keeps its steps apart.
            step=f"attention-{message.number}-{message.at.isoformat()}",
            detail=message.detail,
        )

        async def work(connection: AsyncConnection) -> Recorded:
            await _show_attention(connection, message)
            return Recorded()

        await self._records.once(fact, Recorded, work)

    @activity.defn
    async def begin_procedure(self, order: BeginProcedure) -> None:
        """Start its workflow; one that has begun already, or has ended since, is left alone."""
        named = [
            SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
            for name, value in order.search_attributes.items()
        ]
        try:
            await activity.client().start_workflow(
                order.workflow,
                order.start,
                id=order.identity.procedure_id,
                task_queue=activity.info().task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=(
                    WorkflowIDReusePolicy.ALLOW_DUPLICATE if order.anew else WorkflowIDReusePolicy.REJECT_DUPLICATE
                ),
                start_signal="look_again" if order.anew else None,
                search_attributes=TypedSearchAttributes(named),
                static_summary=order.summary,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise

    @activity.defn
    async def begin_procedures(self, message: BeginProcedures) -> None:
        """Start their workflows, a few at a time."""
        at_once = asyncio.Semaphore(_STARTED_AT_ONCE)

        async def begin(order: BeginProcedure) -> None:
            async with at_once:
                await self.begin_procedure(order)

        await asyncio.gather(*(begin(order) for order in message.orders))

    @activity.defn
    async def nudge_procedures(self, message: Nudges) -> None:
        """Have them look at the database again; whoever has ended needs no telling."""
        at_once = asyncio.Semaphore(_STARTED_AT_ONCE)

        async def nudge(procedure_id: str) -> None:
            async with at_once:
                handle = activity.client().get_workflow_handle(procedure_id)
                try:
                    await handle.signal("look_again")
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:
                        raise

        await asyncio.gather(*(nudge(procedure_id) for procedure_id in message.procedure_ids))

    @activity.defn
    async def record_end(self, message: RecordEnd) -> None:
        """The procedure ends by an operator's word (GEN-08)."""
        identity = message.identity
        fact = Fact(
            tenant_id=identity.tenant_id,
            at=message.at,
            actor=message.actor,
            what="ended_by_operator",
            subject=identity.subject,
            procedure_id=identity.procedure_id,
            step=f"end-{message.at.isoformat()}",
        )

        async def work(connection: AsyncConnection) -> Recorded:
            standing = Standing(state="ended", ended_at=message.at)
            await connection.execute(
                update(Procedure)
                .where(
                    Procedure.tenant_id == identity.tenant_id,
                    Procedure.procedure_id == identity.procedure_id,
                    Procedure.ended_at.is_(None),  # else it has come to its own end
                )
                .values(attention=None, **standing.columns())
            )
            return Recorded()

        await self._records.once(fact, Recorded, work)


async def _show_attention(connection: AsyncConnection, message: RecordAttention) -> None:
    """Also of a procedure whose very first record is what is broken, and which no row shows yet."""
    identity = message.identity
    # A procedure that has been told of a refused mail by older code still knows the address.
    waiting = [
        {**stuck.model_dump(mode="json"), "reason": without_addresses(stuck.reason)} for stuck in message.waiting
    ] or None
    row = {
        **identity.model_dump(),
        "started_at": message.at,
        "attention": waiting,
        **Standing(state="starting", waiting_for="operator").columns(),
    }
    await connection.execute(
        insert(Procedure)
        .values(row)
        .on_conflict_do_update(index_elements=["tenant_id", "procedure_id"], set_={"attention": waiting})
    )
