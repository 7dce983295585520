"""The contract-shortage notice is a kind of procedure."""

from collections.abc import Sequence

from alembic import op

revision: str = "20261121_contract_shortage"
down_revision: str | None = "20261121_utms"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = (
    "'service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock', "
    "'contract', 'shipment', 'return-kit', 'utm-addition', 'contract-shortage'"
)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_procedures_kind"), "procedures")
    op.create_check_constraint(op.f("ck_procedures_kind"), "procedures", f"kind IN ({_KINDS})")


def downgrade() -> None:
    """There may be such procedures: restore a backup instead."""
    raise NotImplementedError
