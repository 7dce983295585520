"""A UTM's row with what the device says of itself, and the restart that is scheduled for it (UTM-05)."""

from typing import Any

from sqlalchemy import Select, and_, select

from models.device_vocabulary import RestartState
from models.tables.devices import Restart, UtmConnection
from models.tables.utms import Utm


def utms_as_shown() -> Select[Any]:
    """Every column of `utms`, and `last_connected_at, version, ip_address, scheduled_restart_at`."""
    scheduled = and_(
        Restart.tenant_id == Utm.tenant_id,
        Restart.registration_id == Utm.registration_id,
        Restart.state == RestartState.SCHEDULED,
    )
    connected = and_(UtmConnection.tenant_id == Utm.tenant_id, UtmConnection.registration_id == Utm.registration_id)
    return (
        select(
            Utm.__table__,
            UtmConnection.last_connected_at,
            UtmConnection.version,
            UtmConnection.ip_address,
            Restart.at.label("scheduled_restart_at"),
        )
        .select_from(Utm.__table__)
        .outerjoin(UtmConnection, connected)
        .outerjoin(Restart, scheduled)
    )
