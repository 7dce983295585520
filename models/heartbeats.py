"""Heartbeats of a tenant's devices, written many at once (UTM-06)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, String, any_, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import Executable

from models.tables.devices import UtmConnection
from models.tables.utms import Utm

_INSTANT = UtmConnection.__table__.c.last_connected_at.type
_ARRAY = ARRAY(String)


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    token_digest: str
    version: str
    ip_address: str


async def record(
    connection: AsyncConnection, tenant_id: str, heartbeats: Sequence[Heartbeat], now: datetime
) -> frozenset[str]:
    """The digests of those tokens that are devices' of the tenant; their devices were heard of `now`. One statement."""
    told = {
        "tenant_id": tenant_id,
        "now": now,
        "digests": [heartbeat.token_digest for heartbeat in heartbeats],
        "versions": [heartbeat.version for heartbeat in heartbeats],
        "ip_addresses": [heartbeat.ip_address for heartbeat in heartbeats],
    }
    return frozenset((await connection.execute(_RECORD, told)).scalars())


def _record() -> Executable:
    told = (
        func.unnest(
            bindparam("digests", type_=_ARRAY),
            bindparam("versions", type_=_ARRAY),
            bindparam("ip_addresses", type_=_ARRAY),
        )
        .table_valued(
            column("token_digest", String),
            column("version", String),
            column("ip_address", String),
            with_ordinality="place",
        )
        .render_derived()
    )
    of_the_tenant = Utm.tenant_id == bindparam("tenant_id")
    latest = (
        select(Utm.tenant_id, Utm.registration_id, bindparam("now", type_=_INSTANT), told.c.version, told.c.ip_address)
        .join(told, told.c.token_digest == Utm.token_digest)
        .where(of_the_tenant)
        # A device may be in it twice. And sorted, so that two processes never wait for each other.
        .ext(distinct_on(Utm.registration_id))
        .order_by(Utm.registration_id, told.c.place.desc())
    )
    columns = ("tenant_id", "registration_id", "last_connected_at", "version", "ip_address")
    written = insert(UtmConnection).from_select(columns, latest)
    written = written.on_conflict_do_update(
        index_elements=columns[:2],
        set_={name: written.excluded[name] for name in columns[2:]},
        where=UtmConnection.last_connected_at <= written.excluded.last_connected_at,
    )
    known = select(Utm.token_digest).where(of_the_tenant, Utm.token_digest == any_(bindparam("digests", type_=_ARRAY)))
    return known.add_cte(written.cte("written"))


_RECORD = _record()
