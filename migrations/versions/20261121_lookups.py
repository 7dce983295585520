"""What staff look up among a hundred thousand: customers in their orders, a customer's procedures, an address's mails."""

from collections.abc import Sequence

from alembic import op

revision: str = "20261121_lookups"
down_revision: str | None = "20261121_viewers"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEXES = (
    ("ix_customers_company_name", "customers", ["tenant_id", "company_name", "customer_id"]),
    ("ix_customers_balance", "customers", ["tenant_id", "balance", "customer_id"]),
    ("ix_procedures_customer_id", "procedures", ["tenant_id", "customer_id", "started_at"]),
    ("ix_procedures_subject", "procedures", ["tenant_id", "subject", "started_at"]),
    ("ix_mails_recipient", "mails", ["tenant_id", "recipient", "queued_at"]),
)


def upgrade() -> None:
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
