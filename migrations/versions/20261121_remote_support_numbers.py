"""Remote-support requests are found by their number alone, whosever they are."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261121_rs_numbers"
down_revision: str | None = "20261121_lookups"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    remote_support = sa.text("kind = 'remote-support'")
    op.create_index("ix_procedures_remote_support", "procedures", ["subject"], postgresql_where=remote_support)


def downgrade() -> None:
    op.drop_index("ix_procedures_remote_support", "procedures")
