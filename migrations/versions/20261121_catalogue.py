"""The operator's catalogue: products, their rate plans, and what those charge."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.isolation import let_only_operator_write

revision: str = "20261121_catalogue"
down_revision: str | None = "4e78e7bfcde4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("includes_utm", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_products")),
    )
    op.create_index("ix_products_created_at", "products", ["created_at", "product_id"], unique=False)
    op.create_table(
        "rate_plans",
        sa.Column("rate_plan_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["product_id"], ["products.product_id"], name=op.f("fk_rate_plans_products")),
        sa.PrimaryKeyConstraint("rate_plan_id", name=op.f("pk_rate_plans")),
    )
    op.create_index("ix_rate_plans_product_id", "rate_plans", ["product_id", "position"], unique=True)
    op.create_table(
        "charges",
        sa.Column("charge_id", sa.String(), nullable=False),
        sa.Column("rate_plan_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("billing_period", sa.String(), nullable=True),
        sa.CheckConstraint("type IN ('recurring', 'one_time', 'usage')", name=op.f("ck_charges_type")),
        sa.CheckConstraint("model IN ('flat_fee', 'per_unit', 'discount_percentage')", name=op.f("ck_charges_model")),
        sa.CheckConstraint("billing_period IN ('month', 'year')", name=op.f("ck_charges_billing_period")),
        sa.CheckConstraint("type <> 'recurring' OR billing_period IS NOT NULL", name=op.f("ck_charges_recurs")),
        sa.CheckConstraint("(model = 'discount_percentage') = (price IS NULL)", name=op.f("ck_charges_price")),
        sa.CheckConstraint("(model = 'discount_percentage') = (percent IS NOT NULL)", name=op.f("ck_charges_percent")),
        sa.ForeignKeyConstraint(["rate_plan_id"], ["rate_plans.rate_plan_id"], name=op.f("fk_charges_rate_plans")),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_charges")),
    )
    op.create_index("ix_charges_rate_plan_id", "charges", ["rate_plan_id", "position"], unique=True)
    for table in ("products", "rate_plans", "charges"):
        let_only_operator_write(table)


def downgrade() -> None:
    for table in ("charges", "rate_plans", "products"):
        op.drop_table(table)
