"""What UTMs do of themselves: they report that they live, and take commands (UTM-06, RST-01…08, RSA-01…07)."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.device_vocabulary import (
    DeviceCommandKind,
    DeviceCommandState,
    FleetRestartState,
    RemoteSupportEnd,
    RemoteSupportState,
    RestartState,
)
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


class RemoteSupport(Table):
    """A request for remote support and the session that came of it, or a session begun at the device (RSA-01…07)."""

    __tablename__ = "remote_supports"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "registration_id"], ["utms.tenant_id", "utms.registration_id"]),
        ForeignKeyConstraint(["tenant_id", "approval_id"], ["approvals.tenant_id", "approvals.approval_id"]),
        CheckConstraint(one_of("state", RemoteSupportState), "state"),
        CheckConstraint(one_of("ended_by", RemoteSupportEnd), "ended_by"),
        CheckConstraint("credentials IS NULL OR state IN ('starting', 'running')", "credentials"),
        Index(
            "uq_remote_supports_request",
            "tenant_id",
            "registration_id",
            unique=True,
            postgresql_where=text("state = 'awaiting_approval'"),
        ),
        Index(
            "uq_remote_supports_session",
            "tenant_id",
            "registration_id",
            unique=True,
            postgresql_where=text("state IN ('starting', 'running')"),
        ),
        Index("ix_remote_supports_customer_id", "tenant_id", "customer_id"),
    )

    tenant_id: Mapped[TenantId]
    request_id: Mapped[str] = mapped_column(primary_key=True)
    """The tenant's id is its first part."""
    registration_id: Mapped[str]
    utm_id: Mapped[str]
    customer_id: Mapped[str]
    approval_id: Mapped[str | None]
    """None of a session that was begun at the device."""
    state: Mapped[str]
    asked_by: Mapped[str]
    """The desk's operator, or whoever started it at the device."""
    reason: Mapped[str]
    duration_minutes: Mapped[int]
    attempts: Mapped[int] = mapped_column(server_default="0")
    """How often the device has been told to start, or since the end: to stop."""
    command_id: Mapped[str | None]
    """The order that the device has not carried out yet."""
    credentials: Mapped[bytes | None]
    """The session's id and password, sealed (`models/session_credentials.py`); erased with its end (RSA-04)."""
    requested_at: Mapped[Instant]
    started_at: Mapped[Instant | None]
    ends_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    ended_by: Mapped[str | None]
    stopped_at: Mapped[Instant | None]
    """When the device said that it has stopped."""
