"""Parcels and return kits."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import isolate

revision: str = "20261121_shipping"
down_revision: str | None = "20261121_catalogue"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = (
    "'service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock', "
    "'contract', 'shipment', 'return-kit', 'utm-addition'"
)
_PARCEL_STATES = "'requested', 'scheduled', 'shipped', 'undeliverable', 'returned', 'delivered', 'stopped', 'ended'"
_KIT_STATES = (
    "'planned', 'requested', 'sent', 'undeliverable', 'received', 'closed', 'unreturned', 'stopped', 'recalled', "
    "'ended'"
)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_procedures_kind"), "procedures")
    op.create_check_constraint(op.f("ck_procedures_kind"), "procedures", f"kind IN ({_KINDS})")
    op.create_table(
        "shipments",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("shipment_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("contract_number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("utm_id", sa.String(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=False),
        sa.Column("product_name", sa.String(), nullable=False),
        sa.Column("destination", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("planned_arrival_date", sa.Date(), nullable=True),
        sa.Column("planned_reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("carrier", sa.String(), nullable=True),
        sa.Column("waybill_number", sa.String(), nullable=True),
        sa.Column("waybill_reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_event_id", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('delivery', 'return_kit')", name=op.f("ck_shipments_kind")),
        sa.CheckConstraint(f"state IN ({_PARCEL_STATES})", name=op.f("ck_shipments_state")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_shipments_customers"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_shipments_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "shipment_id", name=op.f("pk_shipments")),
    )
    op.create_index("ix_shipments_contract_number", "shipments", ["tenant_id", "contract_number", "number"])
    op.create_index("ix_shipments_customer_id", "shipments", ["tenant_id", "customer_id"])
    op.create_table(
        "return_kits",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("contract_number", sa.String(), nullable=False),
        sa.Column("utm_id", sa.String(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=False),
        sa.Column("utm_name", sa.String(), nullable=False),
        sa.Column("product_name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("postal_code", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipment_id", sa.String(), nullable=True),
        sa.Column("sendings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("waived", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(f"state IN ({_KIT_STATES})", name=op.f("ck_return_kits_state")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_return_kits_customers"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_return_kits_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "contract_number", "utm_id", "ended_on", name=op.f("pk_return_kits")),
    )
    op.create_index("ix_return_kits_customer_id", "return_kits", ["tenant_id", "customer_id"])
    for table in ("shipments", "return_kits"):
        isolate(table)


def downgrade() -> None:
    for table in ("return_kits", "shipments"):
        op.drop_table(table)
