"""What a device itself says of a restart that failed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261121_restart_details"
down_revision: str | None = "20261121_devices"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("restarts", sa.Column("detail", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("restarts", "detail")
