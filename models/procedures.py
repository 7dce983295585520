"""The row that shows where a workflow stands, so that no list or page needs to ask Temporal."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, case, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.procedures import Procedure
from models.vocabulary import ProcedureKind

# Made once: every step of every procedure runs it.
_ENDED = bindparam("ended", type_=Procedure.ended_at.type)
_SHOW = (
    update(Procedure)
    .where(Procedure.tenant_id == bindparam("tenant"), Procedure.procedure_id == bindparam("procedure"))
    # What is told of it afterwards does not move its end.
    .values(ended_at=case((_ENDED.is_not(None), func.coalesce(Procedure.ended_at, _ENDED))))
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a procedure stands, whom or what it waits for, and what happens by itself and when (`upcoming`)."""

    state: str
    waiting_for: str | None = None
    upcoming: list[tuple[datetime, str]] = field(default_factory=list)
    ended_at: datetime | None = None

    def columns(self) -> dict[str, object]:
        return {
            "state": self.state,
            "waiting_for": self.waiting_for,
            "next": [{"at": at.isoformat(), "what": what} for at, what in sorted(self.upcoming)],
            "ended_at": self.ended_at,
        }


@dataclass(frozen=True, kw_only=True)
class Beginning:
    tenant_id: str
    procedure_id: str
    kind: ProcedureKind
    subject: str
    started_at: datetime
    customer_id: str | None = None


async def begin(connection: AsyncConnection, beginning: Beginning, standing: Standing) -> None:
    """Show a procedure from its start on; one that starts again under its id (a resent signup) is shown anew.

    What it asks of an operator stays: its workflow may still be there, over a mail of what was before.
    """
    first = {**asdict(beginning), **standing.columns()}
    await connection.execute(
        insert(Procedure).values(first).on_conflict_do_update(index_elements=["tenant_id", "procedure_id"], set_=first)
    )


async def show(connection: AsyncConnection, tenant_id: str, procedure_id: str, standing: Standing) -> None:
    columns = standing.columns()
    ended = {"ended": columns.pop("ended_at")}
    await connection.execute(_SHOW, {"tenant": tenant_id, "procedure": procedure_id, **columns, **ended})
