"""Remote support: requests, sessions, and the commands to devices that begin and end them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.isolation import isolate, let_operator_read

revision: str = "20261121_remote_support"
down_revision: str | None = "20261121_approvals"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_PURPOSES = (
    "'invitation', 'personal_invitation', 'application_confirmation', 'staff_signup', 'portal_user_signup', "
    "'notification_address', 'password_reset', 'approval', 'remote_support_end'"
)
_KINDS = (
    "'service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock', "
    "'contract', 'shipment', 'return-kit', 'utm-addition', 'contract-shortage', 'restart', 'fleet-restart', "
    "'remote-support'"
)
_COMMANDS = "'restart', 'remote_support_start', 'remote_support_stop'"
_STATES = "'awaiting_approval', 'denied', 'expired', 'withdrawn', 'starting', 'running', 'ended', 'failed'"
_ENDS = "'desk', 'administrator', 'duration', 'device', 'operator', 'device_deleted', 'not_started', 'busy'"


def upgrade() -> None:
    for table, column, allowed in (
        ("links", "purpose", _PURPOSES),
        ("procedures", "kind", _KINDS),
        ("device_commands", "kind", _COMMANDS),
    ):
        name = op.f(f"ck_{table}_{column}")
        op.drop_constraint(name, table)
        op.create_check_constraint(name, table, f"{column} IN ({allowed})")
    _create_remote_supports()
    isolate("remote_supports")
    let_operator_read("utms")  # the support desk names a device, and no tenant


def _create_remote_supports() -> None:
    op.create_table(
        "remote_supports",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("request_id", "registration_id", "utm_id")),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("approval_id", sa.String(), nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("state", "asked_by", "reason")),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("command_id", sa.String(), nullable=True),
        sa.Column("credentials", sa.LargeBinary(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in ("started_at", "ends_at", "ended_at")),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_remote_supports_state")),
        sa.CheckConstraint(f"ended_by IN ({_ENDS})", name=op.f("ck_remote_supports_ended_by")),
        sa.CheckConstraint(
            "credentials IS NULL OR state IN ('starting', 'running')", name=op.f("ck_remote_supports_credentials")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_remote_supports_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "registration_id"],
            ["utms.tenant_id", "utms.registration_id"],
            name=op.f("fk_remote_supports_utms"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "approval_id"],
            ["approvals.tenant_id", "approvals.approval_id"],
            name=op.f("fk_remote_supports_approvals"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "request_id", name=op.f("pk_remote_supports")),
    )
    for name, states in (("request", "state = 'awaiting_approval'"), ("session", "state IN ('starting', 'running')")):
        op.create_index(
            f"uq_remote_supports_{name}",
            "remote_supports",
            ["tenant_id", "registration_id"],
            unique=True,
            postgresql_where=sa.text(states),
        )
    op.create_index("ix_remote_supports_customer_id", "remote_supports", ["tenant_id", "customer_id"])


def downgrade() -> None:
    """Sessions would be lost: restore a backup instead."""
    raise NotImplementedError
