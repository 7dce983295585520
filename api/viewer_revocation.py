"""Revoking the viewers of a customer: one, or all when the company is deleted (VWR-05, CUS-05)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import Caller
from api.commands import ProcedureGoneError
from api.context import Context
from api.viewer_access import identity_of
from models.identifiers import Draw
from models.messages.procedure import Command
from models.refusals import WrongState
from models.tables.viewers import Viewer as Viewers
from models.viewer_vocabulary import OPEN
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
        except (ProcedureGoneError, WrongState):
            continue  # it ended meanwhile
        revoked += 1
    return revoked


async def open_of(connection: AsyncConnection, tenant_id: str, customer_id: str) -> Sequence[Row[Any]]:
    """Those that may view, and those that have asked to."""
    found = await connection.execute(
        select(Viewers.__table__)
        .where(Viewers.tenant_id == tenant_id, Viewers.customer_id == customer_id, Viewers.state.in_(OPEN))
        .order_by(Viewers.requested_at)
    )
    return found.all()
