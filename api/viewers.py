"""The PCs on which a customer's data may be viewed: seen and revoked by staff and by the customer's people (VWR-05)."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import select

from api.authentication import StaffOrPortalUser
from api.context import Shared
from api.customers import customer_row
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.viewer_revocation import revoke_open
from models.refusals import NotFound
from models.tables.viewers import Viewer as Viewers
from models.viewer_vocabulary import SHOWN, ViewerState

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/viewers", tags=["Viewer access"])


class Viewer(BaseModel):
    """`state`: `token_sent`, approved and not entered yet, or `allowed`. `last_used_at`: to ten minutes."""

    viewer_id: str
    name: str
    mail_address: str
    department: str | None
    pc_name: str
    state: ViewerState
    requested_at: datetime
    allowed_at: datetime | None
    last_used_at: datetime | None


@router.get("")
async def find_all(
    tenant_id: str, customer_id: str, context: Shared, caller: StaffOrPortalUser, paging: PagingQuery
) -> Page[Viewer]:
    """The PCs that an administrator has allowed, the oldest first.

    Sorts by `requested_at` and `last_used_at`; those not used yet come last, or first the other way.
    """
    table = Viewers.__table__
    sortable = {name: table.c[name] for name in ("requested_at", "last_used_at")}
    order = resolve_order(paging.sort, sortable, default="requested_at")
    query = select(table).where(
        table.c.tenant_id == tenant_id, table.c.customer_id == customer_id, table.c.state.in_(SHOWN)
    )
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        rows = await fetch_page(connection, query, order=order, key=table.c.viewer_id, paging=paging)
    return rows.page(lambda row: Viewer.model_validate(row, from_attributes=True))


@router.delete("/{viewer_id}", status_code=204)
async def revoke(tenant_id: str, customer_id: str, viewer_id: str, context: Shared, caller: StaffOrPortalUser) -> None:
    """Token and credential are dead at once; so is a request that nobody has decided yet."""
    if not await revoke_open(context, tenant_id, customer_id, caller, only=viewer_id):
        raise NotFound
