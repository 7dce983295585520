"""What every records activity stands on: one transaction a step, done once however often it is tried (GEN-03)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import audit
from models.audit import Fact
from models.database import Database
from models.durations import Durations
from models.links import LinkKey
from models.messages.procedure import Step
from models.refusals import NotFound, Refusal
from models.tables.tenants import Tenant

Answered = TypeVar("Answered", bound=BaseModel)

# Made once: nearly every step of every procedure runs them.
_TENANT = select(Tenant.__table__).where(Tenant.tenant_id == bindparam("tenant"))
_LOCKED_TENANT = _TENANT.with_for_update(key_share=True)  # does not stop new rows that refer to the tenant


class NothingHappenedError(Exception):
    """Raised by a step's work that finds nothing to do after all: nothing is written of it."""


@dataclass(frozen=True)
class Records:
    database: Database
    durations: Durations
    link_key: LinkKey

    async def once(
        self, fact: Fact, answered: type[Answered], work: Callable[[AsyncConnection], Awaitable[Answered]]
    ) -> Answered:
        """Do the work and write the fact in one transaction, or give the answer it had when it was done before.

        Raises:
            Refusal, NothingHappenedError: the work does, and no other try of this very step is why.
        """
        try:
            async with self.database.transaction(fact.tenant_id) as connection:
                earlier = await audit.earlier_answer(connection, fact)
                if earlier is None:
                    answer = await work(connection)
                    await audit.record(connection, fact, answer.model_dump(mode="json"))
                    return answer
        except (Refusal, NothingHappenedError):
            # A try that had been given up may have been committed since: its rows are what the work has met.
            async with self.database.transaction(fact.tenant_id) as connection:
                earlier = await audit.earlier_answer(connection, fact)
            if earlier is None:
                raise
        return answered.model_validate(earlier)


async def tenant_row(connection: AsyncConnection, tenant_id: str, *, locked: bool = False) -> Row[tuple[Tenant]]:
    """The tenant of the transaction. `locked`: other edits of the tenant wait for this one's end.

    Raises:
        NotFound: there is none.
    """
    query = _LOCKED_TENANT if locked else _TENANT
    found = (await connection.execute(query, {"tenant": tenant_id})).first()
    if found is None:
        raise NotFound
    return found


def fact_of(step: Step, what: str) -> Fact:
    """What the audit log says of a procedure's step."""
    return Fact(
        tenant_id=step.identity.tenant_id,
        at=step.at,
        actor=step.actor,
        what=what,
        subject=step.identity.subject,
        procedure_id=step.identity.procedure_id,
        step=step.step,
    )


def second_fact_of(step: Step, what: str) -> Fact:
    """Another thing that happened in the same transaction, which is the step's already."""
    return replace(fact_of(step, what), step=None)
