"""What UTMs do of themselves: they report that they live, and take commands (UTM-06, RST-01…08)."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.device_vocabulary import DeviceCommandKind, DeviceCommandState, FleetRestartState, RestartState
from models.tables.schema import Instant, Table, TenantId, one_of


class UtmConnection(Table):
    """When a device was last heard of, and what it said of itself. Apart from `utms`: it changes all the time."""

    __tablename__ = "utm_connections"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "registration_id"], ["utms.tenant_id", "utms.registration_id"]),
    )

    tenant_id: Mapped[TenantId]
    registration_id: Mapped[str] = mapped_column(primary_key=True)
    last_connected_at: Mapped[Instant]
    version: Mapped[str]
    """Of its firmware."""
    ip_address: Mapped[str]


class DeviceCommand(Table):
    """An order to a device, on offer to it from one instant to another.

    Whoever gives it writes the row ahead of its time, so that a thousand devices are told in the same second.
    """

    __tablename__ = "device_commands"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "registration_id"], ["utms.tenant_id", "utms.registration_id"]),
        CheckConstraint(one_of("kind", DeviceCommandKind), "kind"),
        CheckConstraint(one_of("state", DeviceCommandState), "state"),
        Index(
            "ix_device_commands_unsettled",
            "tenant_id",
            "registration_id",
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    tenant_id: Mapped[TenantId]
    command_id: Mapped[str] = mapped_column(primary_key=True)
    registration_id: Mapped[str]
    kind: Mapped[str]
    procedure_id: Mapped[str]
    """Who gave it, and hears what becomes of it."""
    state: Mapped[str]
    issued_at: Mapped[Instant]
    offer_from: Mapped[Instant]
    offer_until: Mapped[Instant]
    offered_at: Mapped[Instant | None]
    """When it was first handed over."""
    settled_at: Mapped[Instant | None]


class Restart(Table):
    """One restart of one UTM: at once, or at a slot (RST-01)."""

    __tablename__ = "restarts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "registration_id"], ["utms.tenant_id", "utms.registration_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "fleet_restart_id"], ["fleet_restarts.tenant_id", "fleet_restarts.fleet_restart_id"]
        ),
        CheckConstraint(one_of("state", RestartState), "state"),
        Index(
            "uq_restarts_scheduled",
            "tenant_id",
            "registration_id",
            unique=True,
            postgresql_where=text("state = 'scheduled'"),
        ),
        Index("ix_restarts_registration_id", "tenant_id", "registration_id", "at", "restart_id"),
        Index("ix_restarts_fleet_restart_id", "tenant_id", "fleet_restart_id", "at", "utm_id"),
    )

    tenant_id: Mapped[TenantId]
    restart_id: Mapped[str] = mapped_column(primary_key=True)
    """Also the id of its command to the device."""
    registration_id: Mapped[str]
    utm_id: Mapped[str]
    fleet_restart_id: Mapped[str | None]
    state: Mapped[str]
    is_scheduled: Mapped[bool]
    """For a slot, and not at once."""
    at: Mapped[Instant]
    """The slot; at once: when it was asked for."""
    requested_at: Mapped[Instant]
    requested_by: Mapped[str]
    begun_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    reason: Mapped[str | None]
    """Why it failed or was not taken up."""
    detail: Mapped[str | None]
    """What the device itself said of its failure: a stranger's words, at most 1,000 characters."""


class FleetRestart(Table):
    """One request for the restart of many UTMs, spread over slots (RST-08). Its items are its `restarts`."""

    __tablename__ = "fleet_restarts"
    __table_args__ = (CheckConstraint(one_of("state", FleetRestartState), "state"),)

    tenant_id: Mapped[TenantId]
    fleet_restart_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    at: Mapped[Instant]
    """The first slot."""
    per_slot: Mapped[int]
    requested_at: Mapped[Instant]
    requested_by: Mapped[str]
    ended_at: Mapped[Instant | None]
