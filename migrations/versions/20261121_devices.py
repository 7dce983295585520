"""What UTMs do of themselves: connections, commands to them, and restarts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.isolation import isolate

revision: str = "20261121_devices"
down_revision: str | None = "20261121_utm_additions"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = (
    "'service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock', "
    "'contract', 'shipment', 'return-kit', 'utm-addition', 'contract-shortage', 'restart', 'fleet-restart'"
)
_RESTART_STATES = (
    "'planned', 'scheduled', 'requested', 'in_progress', 'succeeded', 'failed', 'missed', 'cancelled', 'replaced'"
)
_COMMAND_STATES = "'waiting', 'offered', 'started', 'succeeded', 'failed', 'withdrawn', 'expired'"
_SEEN = ("last_connected_at", "version", "ip_address")


def upgrade() -> None:
    op.drop_constraint(op.f("ck_procedures_kind"), "procedures")
    op.create_check_constraint(op.f("ck_procedures_kind"), "procedures", f"kind IN ({_KINDS})")
    for column in _SEEN:  # no device could connect yet
        op.drop_column("utms", column)
    op.create_table(
        "utm_connections",
        *_whose(),
        _instant("last_connected_at"),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("ip_address", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "registration_id", name=op.f("pk_utm_connections")),
        *_references("utm_connections"),
    )
    op.create_table(
        "device_commands",
        *_whose(),
        sa.Column("command_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *(_instant(name) for name in ("issued_at", "offer_from", "offer_until")),
        *(_instant(name, nullable=True) for name in ("offered_at", "settled_at")),
        sa.CheckConstraint("kind IN ('restart')", name=op.f("ck_device_commands_kind")),
        sa.CheckConstraint(f"state IN ({_COMMAND_STATES})", name=op.f("ck_device_commands_state")),
        sa.PrimaryKeyConstraint("tenant_id", "command_id", name=op.f("pk_device_commands")),
        *_references("device_commands"),
    )
    op.create_index(
        "ix_device_commands_unsettled",
        "device_commands",
        ["tenant_id", "registration_id"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    _create_restarts()
    for table in ("utm_connections", "device_commands", "fleet_restarts", "restarts"):
        isolate(table)


def _create_restarts() -> None:
    op.create_table(
        "fleet_restarts",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("fleet_restart_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        _instant("at"),
        sa.Column("per_slot", sa.Integer(), nullable=False),
        _instant("requested_at"),
        sa.Column("requested_by", sa.String(), nullable=False),
        _instant("ended_at", nullable=True),
        sa.CheckConstraint("state IN ('in_progress', 'finished', 'cancelled')", name=op.f("ck_fleet_restarts_state")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_fleet_restarts_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "fleet_restart_id", name=op.f("pk_fleet_restarts")),
    )
    op.create_table(
        "restarts",
        *_whose(),
        sa.Column("restart_id", sa.String(), nullable=False),
        sa.Column("utm_id", sa.String(), nullable=False),
        sa.Column("fleet_restart_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("is_scheduled", sa.Boolean(), nullable=False),
        _instant("at"),
        _instant("requested_at"),
        sa.Column("requested_by", sa.String(), nullable=False),
        *(_instant(name, nullable=True) for name in ("begun_at", "ended_at")),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(f"state IN ({_RESTART_STATES})", name=op.f("ck_restarts_state")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fleet_restart_id"],
            ["fleet_restarts.tenant_id", "fleet_restarts.fleet_restart_id"],
            name=op.f("fk_restarts_fleet_restarts"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "restart_id", name=op.f("pk_restarts")),
        *_references("restarts"),
    )
    op.create_index(
        "uq_restarts_scheduled",
        "restarts",
        ["tenant_id", "registration_id"],
        unique=True,
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.create_index("ix_restarts_registration_id", "restarts", ["tenant_id", "registration_id", "at", "restart_id"])
    op.create_index("ix_restarts_fleet_restart_id", "restarts", ["tenant_id", "fleet_restart_id", "at", "utm_id"])


def _whose() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("registration_id", sa.String(), nullable=False),
    )


def _references(table: str) -> tuple[sa.ForeignKeyConstraint, sa.ForeignKeyConstraint]:
    return (
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f(f"fk_{table}_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["utms.tenant_id", "utms.registration_id"],
            name=op.f(f"fk_{table}_utms"),
        ),
    )


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def downgrade() -> None:
    """Restarts would be lost: restore a backup instead."""
    raise NotImplementedError
