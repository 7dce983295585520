"""Approvals by mailed link, and the customers' administrators who give them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import isolate

revision: str = "20261121_approvals"
down_revision: str | None = "20261121_restart_details"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_PURPOSES = (
    "'invitation', 'personal_invitation', 'application_confirmation', 'staff_signup', 'portal_user_signup', "
    "'notification_address', 'password_reset', 'approval'"
)
_STATES = "'pending', 'approved', 'denied', 'expired', 'withdrawn'"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_links_purpose"), "links")
    op.create_check_constraint(op.f("ck_links_purpose"), "links", f"purpose IN ({_PURPOSES})")
    _create_administrators()
    _create_approvals()
    _create_approvers()
    for table in ("administrators", "approvals", "approvers"):
        isolate(table)


def _create_administrators() -> None:
    op.create_table(
        "administrators",
        *_names("tenant_id", "administrator_id", "customer_id", "name", "mail_address"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("tenant_id", "administrator_id", name=op.f("pk_administrators")),
        _tenant("administrators"),
        _reference("administrators", "customer_id", "customers", "customer_id"),
    )
    columns = ["tenant_id", "customer_id", "mail_address"]
    op.create_index("uq_administrators_mail_address", "administrators", columns, unique=True)


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        *_names("tenant_id", "approval_id", "procedure_id", "customer_id", "kind", "asked_by", "asked_for", "reason"),
        *(
            sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False)
            for name in ("requesters", "escalation")
        ),
        sa.Column("needed", sa.Integer(), nullable=True),
        *_names("state"),
        _instant("asked_at"),
        _instant("deadline"),
        _instant("decided_at", nullable=True),
        *_names("decided_by", "decision_reason", nullable=True),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_approvals_state")),
        sa.PrimaryKeyConstraint("tenant_id", "approval_id", name=op.f("pk_approvals")),
        _tenant("approvals"),
        _reference("approvals", "customer_id", "customers", "customer_id"),
        _reference("approvals", "procedure_id", "procedures", "procedure_id"),
    )
    op.create_index("ix_approvals_customer_id", "approvals", ["tenant_id", "customer_id"])


def _create_approvers() -> None:
    op.create_table(
        "approvers",
        *_names("tenant_id", "link_id", "approval_id"),
        *_names("administrator_id", "name", nullable=True),
        *_names("mail_address"),
        *_names("delegated_by", "delegated_to", "decision", nullable=True),
        _instant("decided_at", nullable=True),
        *_names("decided_from", "reason", nullable=True),
        sa.CheckConstraint("decision IN ('approve', 'deny')", name=op.f("ck_approvers_decision")),
        sa.PrimaryKeyConstraint("tenant_id", "link_id", name=op.f("pk_approvers")),
        _tenant("approvers"),
        _reference("approvers", "approval_id", "approvals", "approval_id"),
        _reference("approvers", "link_id", "links", "link_id"),
    )
    op.create_index("uq_approvers_mail_address", "approvers", ["tenant_id", "approval_id", "mail_address"], unique=True)
    op.create_index("ix_approvers_administrator_id", "approvers", ["tenant_id", "administrator_id"])


def _names(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [
        sa.Column(name, sa.String(length=8) if name == "tenant_id" else sa.String(), nullable=nullable)
        for name in names
    ]


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f(f"fk_{table}_tenants"))


def _reference(table: str, column: str, other: str, others: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column], [f"{other}.tenant_id", f"{other}.{others}"], name=op.f(f"fk_{table}_{other}")
    )


def downgrade() -> None:
    """Decisions would be lost: restore a backup instead."""
    raise NotImplementedError
