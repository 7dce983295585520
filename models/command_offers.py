"""What is on offer to devices: looked at for many of a tenant at once, and handed over (UTM-06, RST-05)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Row, String, any_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import Executable

from models.device_vocabulary import DeviceCommandKind, DeviceCommandState
from models.tables.devices import DeviceCommand
from models.tables.utms import Utm

_ON_OFFER = (DeviceCommandState.WAITING, DeviceCommandState.OFFERED)
_ARRAY = ARRAY(String)
_TENANT = bindparam("tenant", type_=String())
_NOW = bindparam("now", type_=DeviceCommand.__table__.c.issued_at.type)


@dataclass(frozen=True)
class OfferedCommand:
    command_id: str
    kind: DeviceCommandKind
    issued_at: datetime


@dataclass
class Offers:
    """To one device. `next_at`: when the next one comes, as far as anybody knows."""

    registration_id: str
    commands: list[OfferedCommand] = field(default_factory=list)
    next_at: datetime | None = None


async def hand_over(
    connection: AsyncConnection, tenant_id: str, token_digests: Sequence[str], now: datetime
) -> dict[str, Offers]:
    """By the digests of those tokens that are devices' of the tenant. What is handed over cannot be taken back.

    One at a time, and none while the device is busy with one: its end rings. What the device has not begun yet is
    handed to it again: at least once, and it acts once by the command's id.
    """
    asked = {"tenant": tenant_id, "now": now, "digests": list(token_digests)}
    rows = (await connection.execute(_OPEN_COMMANDS, asked)).all()
    foremost = _foremost(rows, now)
    waiting = [row.command_id for row in foremost.values() if row.state == DeviceCommandState.WAITING]
    handed = frozenset[str]()
    if waiting:
        due = {"tenant": tenant_id, "now": now, "command_ids": waiting}
        handed = frozenset((await connection.execute(_HAND_OVER, due)).scalars())
    offers = {row.token_digest: Offers(row.of) for row in rows}
    for row in rows:
        offer = offers[row.token_digest]
        if row.command_id is not None and row.offer_from > now:
            offer.next_at = min(offer.next_at or row.offer_from, row.offer_from)
    for row in foremost.values():
        if row.state == DeviceCommandState.OFFERED or row.command_id in handed:
            command = OfferedCommand(row.command_id, DeviceCommandKind(row.kind), row.issued_at)
            offers[row.token_digest].commands.append(command)
    return offers


def _foremost(rows: Sequence[Row[Any]], now: datetime) -> dict[str, Row[Any]]:
    """Of each device that is not busy the first command that is due."""
    busy = {row.token_digest for row in rows if row.state == DeviceCommandState.STARTED}
    foremost: dict[str, Row[Any]] = {}
    for row in rows:
        if row.command_id is not None and row.offer_from <= now and row.token_digest not in busy:
            foremost.setdefault(row.token_digest, row)
    return foremost


def _open_commands() -> Executable:
    """A row for each command of each device, and one without a command for a device that has none."""
    on_offer = DeviceCommand.state.in_(_ON_OFFER) & (DeviceCommand.offer_until > _NOW)
    begun = DeviceCommand.state == DeviceCommandState.STARTED
    of_the_device = (
        (DeviceCommand.tenant_id == Utm.tenant_id)
        & (DeviceCommand.registration_id == Utm.registration_id)
        & DeviceCommand.settled_at.is_(None)
        & (on_offer | begun)
    )
    command = DeviceCommand.__table__.c
    return (
        select(Utm.token_digest, Utm.registration_id.label("of"), *command)
        .outerjoin(DeviceCommand, of_the_device)
        .where(Utm.tenant_id == _TENANT, Utm.token_digest == any_(bindparam("digests", type_=_ARRAY)))
        .order_by(command.offer_from, command.issued_at, command.command_id)
    )


def _hand_over() -> Executable:
    """Those that nobody has taken back at the same moment. Locked in order, so that two processes never deadlock."""
    still_waiting = (DeviceCommand.tenant_id == _TENANT, DeviceCommand.state == DeviceCommandState.WAITING)
    locked = (
        select(DeviceCommand.command_id)
        .where(*still_waiting, DeviceCommand.command_id == any_(bindparam("command_ids", type_=_ARRAY)))
        .order_by(DeviceCommand.command_id)
        .with_for_update()
    )
    return (
        update(DeviceCommand)
        .where(*still_waiting, DeviceCommand.command_id.in_(locked))
        .values(state=DeviceCommandState.OFFERED, offered_at=_NOW)
        .returning(DeviceCommand.command_id)
    )


# Made once: thousands of devices ask a second.
_OPEN_COMMANDS, _HAND_OVER = _open_commands(), _hand_over()
