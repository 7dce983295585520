from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, JsonList, Table, TenantId, one_of
from models.vocabulary import LinkPurpose, MailState, ProcedureKind


class Procedure(Table):
    """What people see of a workflow without asking Temporal: where it stands, what it waits for, what comes next."""

    __tablename__ = "procedures"
    __table_args__ = (
        CheckConstraint(one_of("kind", ProcedureKind), "kind"),
        Index("ix_procedures_started_at", "tenant_id", "started_at", "procedure_id"),
        Index("ix_procedures_customer_id", "tenant_id", "customer_id", "started_at"),
        Index("ix_procedures_subject", "tenant_id", "subject", "started_at"),
        Index("ix_procedures_remote_support", "subject", postgresql_where=text("kind = 'remote-support'")),
        Index("ix_procedures_attention", "tenant_id", "procedure_id", postgresql_where=text("attention IS NOT NULL")),
    )

    tenant_id: Mapped[TenantId]
    procedure_id: Mapped[str] = mapped_column(primary_key=True, unique=True)
    """The workflow id."""
    kind: Mapped[str]
    subject: Mapped[str]
    customer_id: Mapped[str | None]
    state: Mapped[str]
    waiting_for: Mapped[str | None]
    next: Mapped[JsonList]
    """[{at, what}], soonest first."""
    started_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    attention: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """[{step, reason, since, actions}] while it waits for an operator (GEN-08), else null."""


class AuditEntry(Table):
    """Append-only: who did what, when (GEN-04). A procedure's entries, in order, are its timeline.

    No personal data: actors and subjects are ids, details are enums, numbers and dates.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(
            "uq_audit_entries_step",
            "tenant_id",
            "procedure_id",
            "step",
            unique=True,
            postgresql_where=text("step IS NOT NULL"),
        ),
        Index("ix_audit_entries_procedure_id", "tenant_id", "procedure_id", "entry_id"),
    )

    tenant_id: Mapped[TenantId]
    entry_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[Instant]
    actor: Mapped[str]
    what: Mapped[str]
    subject: Mapped[str]
    procedure_id: Mapped[str | None]
    step: Mapped[str | None]
    """What makes a procedure's step happen once, however often its activity runs."""
    detail: Mapped[Json] = mapped_column(server_default="{}")
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the step answered, for its repetitions."""


class Link(Table):
    """A link in a mail (GEN-06). The token is not kept, only its digest."""

    __tablename__ = "links"
    __table_args__ = (
        CheckConstraint(one_of("purpose", LinkPurpose), "purpose"),
        Index("ix_links_subject", "tenant_id", "subject", "purpose"),
    )

    tenant_id: Mapped[TenantId]
    link_id: Mapped[str] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(unique=True)
    purpose: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    """The business id that the link is about: an application number, a user id, a slot."""
    procedure_id: Mapped[str | None]
    issued_at: Mapped[Instant]
    deadline: Mapped[Instant | None]
    used_at: Mapped[Instant | None]
    withdrawn_at: Mapped[Instant | None]


class Mail(Table):
    """The ledger: one row per recipient and mail, kept as sent but for the link's secret (TPL-07)."""

    __tablename__ = "mails"
    __table_args__ = (
        CheckConstraint(one_of("state", MailState), "state"),
        Index("uq_mails_letter", "tenant_id", "procedure_id", "step", "recipient", "template", unique=True),
        Index("ix_mails_undelivered", "tenant_id", "procedure_id", "sequence"),
        Index("ix_mails_queued_at", "tenant_id", "queued_at", "mail_id"),
        Index("ix_mails_recipient", "tenant_id", "recipient", "queued_at"),
    )

    tenant_id: Mapped[TenantId]
    mail_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order of a procedure's mails."""
    procedure_id: Mapped[str]
    step: Mapped[str]
    template: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    values: Mapped[Json]
    link_id: Mapped[str | None]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="0")
    message_id: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str | None]
    text: Mapped[str | None]
    html: Mapped[str | None]
    smtp_answer: Mapped[str | None]
    queued_at: Mapped[Instant]
    next_attempt_at: Mapped[Instant | None]
    """None: at once."""
    lease_until: Mapped[Instant | None]
    sent_at: Mapped[Instant | None]
