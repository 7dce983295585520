"""The catalogue's own audit log."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import append_only, let_only_operator_in

revision: str = "20261121_catalogue_entries"
down_revision: str | None = "20261121_contract_shortage"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "catalogue_entries",
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.product_id"], name=op.f("fk_catalogue_entries_products")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_catalogue_entries")),
    )
    op.create_index("ix_catalogue_entries_product_id", "catalogue_entries", ["product_id", "entry_id"])
    let_only_operator_in("catalogue_entries")
    append_only("catalogue_entries")


def downgrade() -> None:
    op.drop_table("catalogue_entries")
