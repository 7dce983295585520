"""Whether a person's password came by phone, so that it lets them in nowhere further (AUT-04, TEN-06)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_passwords_by_phone"
down_revision: str | None = "20261122_erasure"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Of those there are, the latest reset that is still kept tells."""
    op.add_column(
        "persons",
        sa.Column("password_came_by_phone", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute("ALTER TABLE password_resets NO FORCE ROW LEVEL SECURITY")  # every tenant's, for this transaction
    op.execute(
        """
        UPDATE persons SET password_came_by_phone = true
        FROM (
            SELECT DISTINCT ON (person_id) person_id, channel FROM password_resets
            WHERE used_at IS NOT NULL
            ORDER BY person_id, used_at DESC
        ) latest
        WHERE latest.person_id = persons.person_id AND latest.channel = 'sms'
        """
    )
    op.execute("ALTER TABLE password_resets FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_column("persons", "password_came_by_phone")
