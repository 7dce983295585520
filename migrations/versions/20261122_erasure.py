"""What an erasure has to find: people who may belong nowhere, answers about a customer, addresses in the audit log."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_erasure"
down_revision: str | None = "20261122_late_events"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_MEMBERS = ("staff_members", "portal_users")


def upgrade() -> None:
    op.add_column("persons", sa.Column("adrift_since", sa.DateTime(timezone=True), nullable=True))
    adrift = sa.text("adrift_since IS NOT NULL")
    op.create_index("ix_persons_adrift_since", "persons", ["adrift_since"], postgresql_where=adrift)
    op.add_column("idempotent_answers", sa.Column("of_tenant", sa.String(), nullable=True))
    op.add_column("idempotent_answers", sa.Column("about", sa.String(), nullable=True))
    op.add_column("idempotent_answers", sa.Column("is_secret", sa.Boolean(), server_default="false", nullable=False))
    about = sa.text("about IS NOT NULL")
    op.create_index("ix_idempotent_answers_about", "idempotent_answers", ["of_tenant", "about"], postgresql_where=about)
    secret = sa.text("is_secret")
    op.create_index("ix_idempotent_answers_secret", "idempotent_answers", ["created_at"], postgresql_where=secret)
    _set_people_adrift()
    _take_addresses_out_of_reasons()
    _take_addresses_out_of_the_audit_log()


def _set_people_adrift() -> None:
    """Whoever belonged nowhere any more was forgotten only by a deletion that came to its end."""
    for table in _MEMBERS:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")  # every tenant's rows, for this transaction
    op.execute(
        """
        UPDATE persons SET adrift_since = created_at
        WHERE NOT EXISTS (SELECT FROM staff_members member WHERE member.person_id = persons.person_id)
            AND NOT EXISTS (SELECT FROM portal_users member WHERE member.person_id = persons.person_id)
        """
    )
    for table in _MEMBERS:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _take_addresses_out_of_reasons() -> None:
    """Why an operator is asked about a refused mail; the ledger has the address."""
    op.execute("ALTER TABLE procedures NO FORCE ROW LEVEL SECURITY")
    op.execute(
        r"""
        UPDATE procedures SET attention = (
            SELECT jsonb_agg(
                jsonb_set(one, '{reason}', to_jsonb(regexp_replace(one ->> 'reason', '\S*@\S*', '…', 'g')))
                ORDER BY place
            )
            FROM jsonb_array_elements(attention) WITH ORDINALITY waiting (one, place)
        )
        WHERE attention IS NOT NULL
        """
    )
    op.execute("ALTER TABLE procedures FORCE ROW LEVEL SECURITY")


def _take_addresses_out_of_the_audit_log() -> None:
    """Only the owner can, and only so: to the product the log stays append-only. What the answers mean stays too."""
    op.execute("ALTER TABLE audit_entries NO FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit_entries DISABLE TRIGGER append_only")
    op.execute(
        """
        UPDATE audit_entries SET answer = jsonb_set(answer, '{replacements}', (
            SELECT jsonb_agg(
                coalesce(
                    jsonb_set(one, '{destination}', (
                        SELECT jsonb_object_agg(name, '') FROM jsonb_object_keys(one -> 'destination') name
                    )),
                    one
                )
                ORDER BY place
            )
            FROM jsonb_array_elements(answer -> 'replacements') WITH ORDINALITY replaced (one, place)
        ))
        WHERE what = 'return_kits_undone' AND jsonb_array_length(answer -> 'replacements') > 0
        """
    )
    op.execute("ALTER TABLE audit_entries ENABLE TRIGGER append_only")
    op.execute("ALTER TABLE audit_entries FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """What was taken out of the log does not come back."""
    op.drop_index("ix_idempotent_answers_secret", "idempotent_answers")
    op.drop_index("ix_idempotent_answers_about", "idempotent_answers")
    for name in ("is_secret", "about", "of_tenant"):
        op.drop_column("idempotent_answers", name)
    op.drop_index("ix_persons_adrift_since", "persons")
    op.drop_column("persons", "adrift_since")
