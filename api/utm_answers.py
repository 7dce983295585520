"""How UTMs are shown: in the list, each, and once with the token of a new one (UTM-05)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from models import contract_utms
from models.rules.periods import day_of
from models.rules.utm_devices import connection as connection_of
from models.vocabulary import Connection


class Utm(BaseModel):
    """`address` is where it is installed; `alert_count` of the last 30 days."""

    served: bool
    """Its contract is in force; without one of its own, any of the customer's is (CAN-05)."""

    utm_id: str
    name: str
    postal_code: str
    address: str
    connection: Connection
    scheduled_restart_at: datetime | None = None
    mac_entered: bool
    alert_count: int = 0
    contract_number: str | None
    created_at: datetime


class UtmDetail(Utm):
    """`last_connected_at`, `version` and `ip_address` are null as long as it has never connected."""

    serial_number: str
    delivery_status: str | None
    """For staff only."""
    customer_addresses: list[str]
    service_desk_addresses: list[str]
    report_addresses: list[str]
    mac_address: str | None
    last_connected_at: datetime | None
    version: str | None
    ip_address: str | None


@dataclass(frozen=True)
class Today:
    """What a device is shown by besides its row: the time, how long it may be silent, and who is served."""

    now: datetime
    silence: timedelta
    served: frozenset[str]


class NewUtmAnswer(UtmDetail):
    device_token: str
    """Shown this once; only a digest is kept."""


class DeviceToken(BaseModel):
    device_token: str


async def today_of(
    connection: AsyncConnection, tenant_id: str, customer_id: str, now: datetime, *, silence: timedelta
) -> Today:
    zone = (await tenant_row(connection, tenant_id)).time_zone
    return Today(now, silence, await contract_utms.served(connection, tenant_id, customer_id, day_of(now, zone)))


def listed(row: Row[Any], today: Today) -> Utm:
    return Utm.model_validate(_told(row, today))


def detail(row: Row[Any], today: Today) -> UtmDetail:
    return UtmDetail.model_validate(_told(row, today))


def _told(row: Row[Any], today: Today) -> dict[str, Any]:
    return {
        **row._asdict(),
        "served": row.registration_id in today.served,
        "connection": connection_of(row.last_connected_at, today.now, today.silence),
        "mac_entered": row.mac_address is not None,
    }
