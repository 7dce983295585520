"""Viewer access: requests, and the credentials that come of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.isolation import isolate, let_whoever_names_it_read

revision: str = "20261121_viewers"
down_revision: str | None = "20261121_remote_support"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = (
    "'service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock', "
    "'contract', 'shipment', 'return-kit', 'utm-addition', 'contract-shortage', 'restart', 'fleet-restart', "
    "'remote-support', 'viewer-access'"
)
_STATES = (
    "'not_taken', 'awaiting_approval', 'denied', 'expired', 'withdrawn', 'token_sent', 'token_expired', 'allowed', "
    "'revoked', 'unused', 'ended'"
)
_INSTANTS = ("token_expires_at", "allowed_at", "last_used_at", "warned_at", "ended_at")


def upgrade() -> None:
    op.drop_constraint(op.f("ck_procedures_kind"), "procedures")
    op.create_check_constraint(op.f("ck_procedures_kind"), "procedures", f"kind IN ({_KINDS})")
    names = ("viewer_id", "customer_id", "name", "mail_address", "pc_name", "pc_digest", "state")
    op.create_table(
        "viewers",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in names),
        sa.Column("department", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("credential_digest", sa.String(), nullable=True),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in _INSTANTS),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_viewers_state")),
        sa.PrimaryKeyConstraint("tenant_id", "viewer_id", name=op.f("pk_viewers")),
        sa.UniqueConstraint("viewer_id", name=op.f("uq_viewers_viewer_id")),
        sa.UniqueConstraint("credential_digest", name=op.f("uq_viewers_credential_digest")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_viewers_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_viewers_customers"),
        ),
    )
    op.create_index("ix_viewers_customer_id", "viewers", ["tenant_id", "customer_id", "requested_at"])
    isolate("viewers")
    let_whoever_names_it_read("viewers", "viewer_id")
    let_whoever_names_it_read("customers", "customer_id")


def downgrade() -> None:
    """Credentials would be lost: restore a backup instead."""
    raise NotImplementedError
