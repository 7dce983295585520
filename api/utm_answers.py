"""How UTMs are shown: in the list, each, and once with the token of a new one (UTM-05)."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row

from models.rules.utm_devices import connection
from models.vocabulary import Connection


class Utm(BaseModel):
    """`address` is where it is installed; `alert_count` of the last 30 days."""

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


class NewUtmAnswer(UtmDetail):
    device_token: str
    """Shown this once; only a digest is kept."""


class DeviceToken(BaseModel):
    device_token: str


def listed(row: Row[Any], now: datetime, silence: timedelta) -> Utm:
    return Utm.model_validate(_told(row, now, silence))


def detail(row: Row[Any], now: datetime, silence: timedelta) -> UtmDetail:
    return UtmDetail.model_validate(_told(row, now, silence))


def _told(row: Row[Any], now: datetime, silence: timedelta) -> dict[str, Any]:
    return {
        **row._asdict(),
        "connection": connection(row.last_connected_at, now, silence),
        "mac_entered": row.mac_address is not None,
    }
