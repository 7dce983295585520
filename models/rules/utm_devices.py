"""What is said of a UTM by its ID and by when it was last heard of (UTM-02, UTM-06)."""

from datetime import datetime, timedelta

from models.vocabulary import Connection


def mac_address_of(utm_id: str) -> str:
    """`a1a1b2b2c3c3` is the device's WAN MAC address, `A1:A1:B2:B2:C3:C3`."""
    return ":".join(utm_id[at : at + 2] for at in range(0, len(utm_id), 2)).upper()


def connection(last_connected_at: datetime | None, now: datetime, silence: timedelta) -> Connection:
    """`silence`: so long without a heartbeat, and it is offline."""
    if last_connected_at is None:
        return Connection.NEVER_CONNECTED
    return Connection.ONLINE if now < last_connected_at + silence else Connection.OFFLINE
