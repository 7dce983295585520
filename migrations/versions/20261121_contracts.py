"""Contracts with the rate plans that they were made with, and what is charged on account outside them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import isolate

revision: str = "20261121_contracts"
down_revision: str | None = "20261121_shipping"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = (
    "'service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock', "
    "'contract', 'shipment', 'return-kit', 'utm-addition'"
)
_TABLES = ("contracts", "contract_rate_plans", "account_charges")


def upgrade() -> None:
    op.drop_constraint(op.f("ck_procedures_kind"), "procedures")
    op.create_check_constraint(op.f("ck_procedures_kind"), "procedures", f"kind IN ({_KINDS})")
    op.add_column("customers", sa.Column("portal_closes_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "contracts",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("contract_number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("product_name", sa.String(), nullable=False),
        sa.Column("includes_utm", sa.Boolean(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("initial_term_value", sa.Integer(), nullable=False),
        sa.Column("initial_term_unit", sa.String(), nullable=False),
        sa.Column("renewal_term_value", sa.Integer(), nullable=False),
        sa.Column("renewal_term_unit", sa.String(), nullable=False),
        sa.Column("term_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("term_end_date", sa.Date(), nullable=False),
        sa.Column("memo1", sa.String(), nullable=True),
        sa.Column("memo2", sa.String(), nullable=True),
        sa.Column("memo3", sa.String(), nullable=True),
        sa.Column("utm_id", sa.String(), nullable=True),
        sa.Column("utm_quantity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("shipping_required", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("destination", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("cancellation_date", sa.Date(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fee_charged", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=True),
        sa.Column("stop_shipment", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("done_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", sa.String(), nullable=False),
        sa.Column("command_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("status IN ('active', 'cancelled', 'expired')", name=op.f("ck_contracts_status")),
        sa.CheckConstraint("initial_term_unit IN ('month', 'year')", name=op.f("ck_contracts_initial_term_unit")),
        sa.CheckConstraint("renewal_term_unit IN ('month', 'year')", name=op.f("ck_contracts_renewal_term_unit")),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancellation_date IS NOT NULL)", name=op.f("ck_contracts_cancellation_date")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_contracts_customers"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_contracts_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "contract_number", name=op.f("pk_contracts")),
        sa.UniqueConstraint("tenant_id", "command_id", name=op.f("uq_contracts_tenant_id_command_id")),
    )
    op.create_index("ix_contracts_customer_id", "contracts", ["tenant_id", "customer_id", "contract_number"])
    op.create_table(
        "contract_rate_plans",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("contract_number", sa.String(), nullable=False),
        sa.Column("rate_plan_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=True),
        sa.Column("charges", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contract_number"],
            ["contracts.tenant_id", "contracts.contract_number"],
            name=op.f("fk_contract_rate_plans_contracts"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_contract_rate_plans_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "contract_number", "rate_plan_id", name=op.f("pk_contract_rate_plans")),
    )
    op.create_table(
        "account_charges",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("charge_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("contract_number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("charged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('cancellation_fee', 'non_return')", name=op.f("ck_account_charges_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_account_charges_customers"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_account_charges_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "charge_id", name=op.f("pk_account_charges")),
        sa.UniqueConstraint(
            "tenant_id",
            "contract_number",
            "kind",
            "cause",
            name=op.f("uq_account_charges_tenant_id_contract_number_kind_cause"),
        ),
    )
    op.create_index("ix_account_charges_customer_id", "account_charges", ["tenant_id", "customer_id", "charged_at"])
    for table in _TABLES:
        isolate(table)


def downgrade() -> None:
    """The contracts would be lost: restore a backup instead."""
    raise NotImplementedError
