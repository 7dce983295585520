"""Approvals by mailed link (APR-01…06), and the people of a customer who give them."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.approval_vocabulary import ApprovalDecision, ApprovalState
from models.tables.schema import Instant, JsonList, Table, TenantId, one_of


class Administrator(Table):
    """Decides for a customer about viewer access and remote support."""

    __tablename__ = "administrators"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        Index("uq_administrators_mail_address", "tenant_id", "customer_id", "mail_address", unique=True),
    )

    tenant_id: Mapped[TenantId]
    administrator_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    name: Mapped[str]
    mail_address: Mapped[str]
    created_at: Mapped[Instant]


class Approval(Table):
    """A procedure's question to approvers, and what became of it. `kind` is one of `ApprovalKind`."""

    __tablename__ = "approvals"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        ForeignKeyConstraint(["tenant_id", "procedure_id"], ["procedures.tenant_id", "procedures.procedure_id"]),
        CheckConstraint(one_of("state", ApprovalState), "state"),
        Index("ix_approvals_customer_id", "tenant_id", "customer_id"),
    )

    tenant_id: Mapped[TenantId]
    approval_id: Mapped[str] = mapped_column(primary_key=True)
    procedure_id: Mapped[str]
    """Who asks, and hears the decision."""
    customer_id: Mapped[str]
    kind: Mapped[str]
    asked_by: Mapped[str]
    asked_for: Mapped[str]
    reason: Mapped[str]
    requesters: Mapped[JsonList]
    """Mail addresses that are told of the outcome."""
    escalation: Mapped[JsonList]
    """Mail addresses that are asked as well when nothing is decided for long."""
    needed: Mapped[int | None]
    """How many have to approve; null: the first decision decides."""
    state: Mapped[str]
    asked_at: Mapped[Instant]
    deadline: Mapped[Instant]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[str | None]
    """The deciding approver's name, or address where the name is not known."""
    decision_reason: Mapped[str | None]


class Approver(Table):
    """One who is asked, by a link of their own."""

    __tablename__ = "approvers"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "approval_id"], ["approvals.tenant_id", "approvals.approval_id"]),
        ForeignKeyConstraint(["tenant_id", "link_id"], ["links.tenant_id", "links.link_id"]),
        CheckConstraint(one_of("decision", ApprovalDecision), "decision"),
        Index("uq_approvers_mail_address", "tenant_id", "approval_id", "mail_address", unique=True),
        Index("ix_approvers_administrator_id", "tenant_id", "administrator_id"),
    )

    tenant_id: Mapped[TenantId]
    link_id: Mapped[str] = mapped_column(primary_key=True)
    """Of the link that this approver decides by."""
    approval_id: Mapped[str]
    administrator_id: Mapped[str | None]
    """None of one who is no administrator of the customer, or was not when asked."""
    name: Mapped[str | None]
    mail_address: Mapped[str]
    delegated_by: Mapped[str | None]
    """The link of the approver who named this one."""
    delegated_to: Mapped[str | None]
    """The link of the approver whom this one named instead."""
    decision: Mapped[str | None]
    decided_at: Mapped[Instant | None]
    decided_from: Mapped[str | None]
    """The client's address."""
    reason: Mapped[str | None]
