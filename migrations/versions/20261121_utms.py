"""UTM devices, and the customers that the operator exempts from the contract-shortage notice."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import isolate

revision: str = "20261121_utms"
down_revision: str | None = "20261121_contracts"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("shortage_exempt", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "utms",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("registration_id", sa.String(), nullable=False),
        sa.Column("utm_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("contract_number", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("serial_number", sa.String(), nullable=False),
        sa.Column("postal_code", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("delivery_status", sa.String(), nullable=False),
        *(
            sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False)
            for name in ("customer_addresses", "service_desk_addresses", "report_addresses")
        ),
        sa.Column("mac_address", sa.String(), nullable=True),
        sa.Column("token_digest", sa.String(), nullable=True),
        sa.Column("last_connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("ip_address", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_utms_customers"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contract_number"],
            ["contracts.tenant_id", "contracts.contract_number"],
            name=op.f("fk_utms_contracts"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_utms_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "registration_id", name=op.f("pk_utms")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_utms_token_digest")),
    )
    op.create_index("uq_utms_utm_id", "utms", ["utm_id"], unique=True, postgresql_where=sa.text("deleted_at IS NULL"))
    op.create_index("ix_utms_customer_id", "utms", ["tenant_id", "customer_id", "created_at", "utm_id"], unique=False)
    op.create_index("ix_utms_contract_number", "utms", ["tenant_id", "contract_number"], unique=False)
    isolate("utms")


def downgrade() -> None:
    op.drop_table("utms")
    op.drop_column("customers", "shortage_exempt")
