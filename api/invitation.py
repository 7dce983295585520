"""A tenant's invitation URL (APP-01), and what stands behind an invitation's token, the tenant's or a personal one."""

from dataclasses import dataclass

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.authentication import Staff
from api.context import Context, Shared
from api.etags import tagged
from api.idempotency import PostedRequest
from models import audit, links
from models.audit import Fact
from models.refusals import NotFound, TenantSuspended
from models.rules.extra_fields import ExtraField
from models.tables.procedures import Link
from models.tables.tenants import Tenant
from models.vocabulary import LinkPurpose, TenantState

router = APIRouter(prefix="/v1/tenants/{tenant_id}/invitation", tags=["Invitations"])
_PURPOSES = (LinkPurpose.INVITATION, LinkPurpose.PERSONAL_INVITATION)


class Invitation(BaseModel):
    url: str


@router.get("")
async def read(tenant_id: str, context: Shared, staff: Staff, response: Response) -> Invitation:
    """The URL to give to whoever may apply."""
    async with context.database.transaction(tenant_id) as connection:
        return tagged(response, Invitation(url=await _url(context, connection, tenant_id)))


@router.post("/rotate", response_model=Invitation)
async def rotate(tenant_id: str, context: Shared, staff: Staff, posted: PostedRequest) -> Response:
    """A new URL; the old one is closed at once, applications already made go on."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        # Of two at once the second finds the first one's link, and closes it.
        await tenant_row(connection, tenant_id, locked=True)
        await links.withdraw(connection, tenant_id, tenant_id, now)
        await links.issue(connection, context.link_key, links.invitation(tenant_id, now))
        fact = Fact(tenant_id=tenant_id, at=now, actor=staff.actor, what="invitation_rotated", subject=tenant_id)
        await audit.record(connection, fact)
        return await once.answer(Invitation(url=await _url(context, connection, tenant_id)))


async def _url(context: Context, connection: AsyncConnection, tenant_id: str) -> str:
    found = await connection.execute(
        select(Link.link_id, Tenant.portal_base_url)
        .join(Tenant, Tenant.tenant_id == Link.tenant_id)
        .where(Link.subject == tenant_id, Link.purpose == LinkPurpose.INVITATION, Link.withdrawn_at.is_(None))
        .order_by(Link.issued_at.desc())
        .limit(1)
    )
    row = found.first()
    if row is None:
        await links.issue(connection, context.link_key, links.invitation(tenant_id, await context.clock.now()))
        return await _url(context, connection, tenant_id)
    token = context.link_key.token(tenant_id, row.link_id, LinkPurpose.INVITATION, "")
    return (row.portal_base_url or context.settings.base_url) + links.path(LinkPurpose.INVITATION, token)


@dataclass(frozen=True)
class OpenInvitation:
    """An invitation that may be answered now."""

    tenant: Row[tuple[Tenant]]
    invitation_id: str | None
    """Of a personal invitation; None for the tenant's own URL."""

    @property
    def tenant_id(self) -> str:
        tenant_id: str = self.tenant.tenant_id
        return tenant_id

    @property
    def questions(self) -> list[ExtraField]:
        """The tenant's extra fields, in their order (SET-05)."""
        return [ExtraField.of(stored) for stored in self.tenant.extra_fields]


async def find_open_invitation(context: Context, token: str) -> OpenInvitation:
    """Raises: NotFound, LinkUsed, LinkExpired, LinkWithdrawn, TenantSuspended (TEN-01)."""
    now = await context.clock.now()
    tenant_id = links.tenant_of(token)
    if tenant_id is None:
        raise NotFound
    async with context.database.transaction(tenant_id) as connection:
        link = await links.find(connection, token)
        if link is None or link.purpose not in _PURPOSES:
            raise NotFound
        links.refuse_dead(link, now)
        tenant = (await connection.execute(select(Tenant.__table__).where(Tenant.tenant_id == tenant_id))).one()
    if tenant.state == TenantState.SUSPENDED:
        raise TenantSuspended
    return OpenInvitation(tenant, link.subject if link.purpose == LinkPurpose.PERSONAL_INVITATION else None)
