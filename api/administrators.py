"""A customer's administrators: who decides about viewer access and remote support."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import Caller, Staff, StaffOrPortalUser
from api.context import Shared
from api.customers import customer_row
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models import audit, outbox
from models.approval_vocabulary import ApprovalState
from models.audit import Fact
from models.fields import Input, MailAddress, PersonName
from models.refusals import AlreadyExists, NotFound
from models.tables.approvals import Administrator as Administrators
from models.tables.approvals import Approval, Approver
from models.tables.devices import RemoteSupport
from models.tables.procedures import Link

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/administrators", tags=["Approvals"])


class NewAdministrator(Input):
    name: PersonName
    mail_address: MailAddress


class Administrator(BaseModel):
    administrator_id: str
    name: str
    mail_address: str
    created_at: datetime


@router.get("")
async def find_all(
    tenant_id: str, customer_id: str, context: Shared, caller: StaffOrPortalUser, paging: PagingQuery
) -> Page[Administrator]:
    """The oldest first. Sorts by `created_at`, `name` and `mail_address`."""
    table = Administrators.__table__
    sortable = {name: table.c[name] for name in ("created_at", "name", "mail_address")}
    order = resolve_order(paging.sort, sortable, default="created_at")
    query = select(table).where(table.c.tenant_id == tenant_id, table.c.customer_id == customer_id)
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        rows = await fetch_page(connection, query, order=order, key=table.c.administrator_id, paging=paging)
    return rows.page(lambda row: Administrator.model_validate(row, from_attributes=True))


@router.post("", status_code=201, response_model=Administrator)
async def create(
    tenant_id: str, customer_id: str, body: NewAdministrator, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """By staff alone: whoever can name administrators can let anybody in."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        await customer_row(connection, tenant_id, customer_id, held=True)
        made = Administrator(administrator_id=once.draw().opaque_id(), created_at=now, **body.model_dump())
        inserted = await connection.execute(
            insert(Administrators)
            .values(tenant_id=tenant_id, customer_id=customer_id, **made.model_dump())
            .on_conflict_do_nothing(index_elements=["tenant_id", "customer_id", "mail_address"])
            .returning(Administrators.administrator_id)
        )
        if inserted.first() is None:
            raise AlreadyExists
        await audit.record(connection, _fact(tenant_id, customer_id, staff, made.administrator_id, "created", now))
        location = f"/v1/tenants/{tenant_id}/customers/{customer_id}/administrators"
        return await once.answer(made, status=201, location=location)


@router.delete("/{administrator_id}", status_code=204)
async def remove(tenant_id: str, customer_id: str, administrator_id: str, context: Shared, staff: Staff) -> None:
    """The links by which this one, or whom they have named, could still decide or end a session are dead at once."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await _wait_for_delegations(connection, tenant_id, customer_id)
        removed = await connection.execute(
            delete(Administrators)
            .where(
                Administrators.tenant_id == tenant_id,
                Administrators.customer_id == customer_id,
                Administrators.administrator_id == administrator_id,
            )
            .returning(Administrators.mail_address)
        )
        mail_address = removed.scalar()
        if mail_address is None:
            raise NotFound
        for links in (
            Link.link_id.in_(_approvers_links(tenant_id, administrator_id)),
            (Link.recipient == mail_address) & Link.subject.in_(_sessions(tenant_id, customer_id)),
        ):
            await _withdraw(connection, tenant_id, links, now)
        await audit.record(connection, _fact(tenant_id, customer_id, staff, administrator_id, "removed", now))


async def _wait_for_delegations(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """A link that is just being made is not seen yet.

    Questions and sessions wait the other way round: they lock whom they ask (`approval_rows.administrators`).
    """
    mine = (Approval.tenant_id == tenant_id, Approval.customer_id == customer_id)
    await connection.execute(
        select(Approval.approval_id)
        .where(*mine, Approval.state == ApprovalState.PENDING)
        .order_by(Approval.approval_id)
        .with_for_update()
    )


def _approvers_links(tenant_id: str, administrator_id: str) -> Select[str]:
    """The administrator's own, and those of whom they have let decide instead."""
    own = select(Approver.link_id).where(Approver.tenant_id == tenant_id, Approver.administrator_id == administrator_id)
    return select(Approver.link_id).where(
        Approver.tenant_id == tenant_id, or_(Approver.link_id.in_(own), Approver.delegated_by.in_(own))
    )


def _sessions(tenant_id: str, customer_id: str) -> Select[str]:
    return select(RemoteSupport.request_id).where(
        RemoteSupport.tenant_id == tenant_id, RemoteSupport.customer_id == customer_id
    )


async def _withdraw(connection: AsyncConnection, tenant_id: str, links: ColumnElement[bool], now: datetime) -> None:
    """With the mails that would still bring them, some of which hold a session's password."""
    unused = (Link.tenant_id == tenant_id, Link.used_at.is_(None), Link.withdrawn_at.is_(None))
    dead = await connection.execute(update(Link).where(*unused, links).values(withdrawn_at=now).returning(Link.link_id))
    await outbox.withdraw_links(connection, tenant_id, dead.scalars().all())


def _fact(tenant_id: str, customer_id: str, caller: Caller, administrator_id: str, what: str, at: datetime) -> Fact:
    return Fact(
        tenant_id=tenant_id,
        at=at,
        actor=caller.actor,
        what=f"administrator_{what}",
        subject=administrator_id,
        detail={"customer_id": customer_id},
    )
