"""Applications for more UTMs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import isolate

revision: str = "20261121_utm_additions"
down_revision: str | None = "20261121_catalogue_entries"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "utm_additions",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("application_number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("mail_address", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("destination", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('unapproved', 'approved', 'denied', 'ended')", name=op.f("ck_utm_additions_state")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_utm_additions_customers"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_utm_additions_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "application_number", name=op.f("pk_utm_additions")),
        sa.UniqueConstraint("application_number", name=op.f("uq_utm_additions_application_number")),
    )
    for name, columns in {
        "submitted_at": ["submitted_at", "application_number"],
        "state": ["state", "submitted_at"],
        "customer_id": ["customer_id", "submitted_at"],
    }.items():
        op.create_index(f"ix_utm_additions_{name}", "utm_additions", ["tenant_id", *columns])
    isolate("utm_additions")


def downgrade() -> None:
    """Applications would be lost: restore a backup instead."""
    raise NotImplementedError
