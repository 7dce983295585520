"""The append-only audit logs (GEN-04), each tenant's and the catalogue's: the one place that writes them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
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


async def record(connection: AsyncConnection, fact: Fact, answer: dict[str, Any] | None = None) -> None:
    """Write the fact within the transaction of what it tells of.

    Raises:
        IntegrityError: the step has been recorded meanwhile; the transaction is lost, and rightly so.
    """
    await connection.execute(
        insert(AuditEntry).values(
            tenant_id=fact.tenant_id,
            at=fact.at,
            actor=fact.actor,
            what=fact.what,
            subject=fact.subject,
            procedure_id=fact.procedure_id,
            step=fact.step,
            detail=fact.detail,
            answer=answer,
        )
    )


async def record_in_catalogue(connection: AsyncConnection, fact: CatalogueFact) -> None:
    """Likewise, in a transaction of the operator's."""
    await connection.execute(
        insert(CatalogueEntry).values(
            at=fact.at, actor=fact.actor, what=fact.what, product_id=fact.product_id, detail=fact.detail
        )
    )


async def earlier_answer(connection: AsyncConnection, fact: Fact) -> dict[str, Any] | None:
    """What the step answered when it was recorded before, or None when it has not been."""
    row = await connection.execute(
        select(AuditEntry.answer).where(
            AuditEntry.tenant_id == fact.tenant_id,
            AuditEntry.procedure_id == fact.procedure_id,
            AuditEntry.step == fact.step,
        )
    )
    found = row.first()
    return None if found is None else (found.answer or {})
