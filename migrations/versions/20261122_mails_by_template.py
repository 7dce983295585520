"""A step may send one recipient several mails: who applies may be whom the tenant has notified."""

from collections.abc import Sequence

from alembic import op

revision: str = "20261122_mails_by_template"
down_revision: str | None = "20261121_rs_numbers"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_STEP = ["tenant_id", "procedure_id", "step", "recipient"]


def upgrade() -> None:
    op.create_index("uq_mails_letter", "mails", [*_STEP, "template"], unique=True)
    op.drop_index("uq_mails_step", "mails")


def downgrade() -> None:
    op.create_index("uq_mails_step", "mails", _STEP, unique=True)
    op.drop_index("uq_mails_letter", "mails")
