"""Revoking the viewers of a customer: one, or all when the company is deleted (VWR-05, CUS-05)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import fact_of
from activities.viewer_access import close
from api.authentication import Caller
from api.commands import ProcedureGoneError
from api.context import Context
from api.viewer_access import identity_of
from models import audit
from models.identifiers import Draw
from models.messages.procedure import Command
from models.messages.viewer_access_steps import RecordViewerClose
from models.refusals import WrongState
from models.tables.viewers import Viewer as Viewers
from models.viewer_vocabulary import OPEN, ViewerState
from workflows.viewer_access import ViewerAccess


async def revoke_open(
    context: Context, tenant_id: str, customer_id: str, caller: Caller, *, only: str | None = None
) -> int:
    """All open ones of a customer, or `only` that one. Returns how many have been revoked."""
    async with context.database.transaction(tenant_id) as connection:
        found = await open_of(connection, tenant_id, customer_id)
    revoked = 0
    for row in found:
        if only not in (None, row.viewer_id):
            continue
        command = Command(command_id=Draw().opaque_id(), actor=caller.actor)
        try:
            await context.commands.send(identity_of(row), ViewerAccess.revoke, command)
        except ProcedureGoneError:
            revoked += await _close(context, row, caller)
        except WrongState:
            continue  # it ended meanwhile
        else:
            revoked += 1
    return revoked


async def _close(context: Context, row: Row[Any], caller: Caller) -> bool:
    """Of a procedure that is gone though its row is open: it has been terminated. False when it has just ended."""
    identity, now = identity_of(row), await context.clock.now()
    step = RecordViewerClose(identity=identity, step="revoke", at=now, actor=caller.actor, state=ViewerState.REVOKED)
    try:
        async with context.database.transaction(row.tenant_id) as connection:
            await close(connection, step)
            await audit.record(connection, fact_of(step, "viewer_revoked"))
    except WrongState:
        return False
    return True


async def open_of(connection: AsyncConnection, tenant_id: str, customer_id: str) -> Sequence[Row[Any]]:
    """Those that may view, and those that have asked to."""
    found = await connection.execute(
        select(Viewers.__table__)
        .where(Viewers.tenant_id == tenant_id, Viewers.customer_id == customer_id, Viewers.state.in_(OPEN))
        .order_by(Viewers.requested_at)
    )
    return found.all()
