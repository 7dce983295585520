"""Revoking the viewers of a customer: one, or all when the company is deleted (VWR-05, CUS-05)."""

from sqlalchemy import select

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
    query = select(Viewers.__table__).where(
        Viewers.tenant_id == tenant_id, Viewers.customer_id == customer_id, Viewers.state.in_(OPEN)
    )
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(query if only is None else query.where(Viewers.viewer_id == only))
        rows = found.all()
    revoked = 0
    for row in rows:
        command = Command(command_id=Draw().opaque_id(), actor=caller.actor)
        try:
            await context.commands.send(identity_of(row), ViewerAccess.revoke, command)
        except (ProcedureGoneError, WrongState):
            continue  # it ended meanwhile
        revoked += 1
    return revoked
