"""The append-only audit logs (GEN-04), each tenant's and the catalogue's: the one place that writes them."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.catalogue import CatalogueEntry
from models.tables.procedures import AuditEntry


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened. `actor`: `operator`, `applicant`, `system`, `staff:<person id>`, `api_key:<id>`, ….

    `step` makes it happen once in its procedure. No personal data anywhere in it.
    """

    tenant_id: str
    at: datetime
    actor: str
    what: str
    subject: str
    procedure_id: str | None = None
    step: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CatalogueFact:
    """Something that happened to the catalogue, which is no tenant's. `detail`: what it is from then on."""

    at: datetime
    actor: str
    what: str
    product_id: str
    detail: dict[str, Any] = field(default_factory=dict)


# Made once: every step of every procedure runs them.
_RECORD = insert(AuditEntry)
_EARLIER = select(AuditEntry.answer).where(
    AuditEntry.tenant_id == bindparam("tenant"),
    AuditEntry.procedure_id == bindparam("procedure"),
    AuditEntry.step == bindparam("step"),
)


async def record(connection: AsyncConnection, fact: Fact, answer: dict[str, Any] | None = None) -> None:
    """Write the fact within the transaction of what it tells of.

    Raises:
        IntegrityError: the step has been recorded meanwhile; the transaction is lost, and rightly so.
    """
    row = {field.name: getattr(fact, field.name) for field in fields(fact)}
    await connection.execute(_RECORD, {**row, "answer": answer})


async def record_in_catalogue(connection: AsyncConnection, fact: CatalogueFact) -> None:
    """Likewise, in a transaction of the operator's."""
    await connection.execute(
        insert(CatalogueEntry).values(
            at=fact.at, actor=fact.actor, what=fact.what, product_id=fact.product_id, detail=fact.detail
        )
    )


async def earlier_answer(connection: AsyncConnection, fact: Fact) -> dict[str, Any] | None:
    """What the step answered when it was recorded before, or None when it has not been."""
    asked = {"tenant": fact.tenant_id, "procedure": fact.procedure_id, "step": fact.step}
    found = (await connection.execute(_EARLIER, asked)).first()
    return None if found is None else (found.answer or {})
