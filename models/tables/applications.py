from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, JsonList, Table, TenantId, one_of
from models.vocabulary import AdditionState, ApplicationState, InvitationState


class ServiceApplication(Table):
    """What an applicant sent, as sent, and what became of it (APP-02…14)."""

    __tablename__ = "service_applications"
    __table_args__ = (
        CheckConstraint(one_of("state", ApplicationState), "state"),
        Index("ix_service_applications_submitted_at", "tenant_id", "submitted_at", "application_number"),
        Index("ix_service_applications_state", "tenant_id", "state", "submitted_at"),
    )

    tenant_id: Mapped[TenantId]
    application_number: Mapped[str] = mapped_column(primary_key=True, unique=True)
    state: Mapped[str]
    language: Mapped[str]
    company_name: Mapped[str]
    company: Mapped[Json]
    utm_destinations: Mapped[JsonList]
    portal_users: Mapped[JsonList]
    extra: Mapped[Json]
    memo1: Mapped[str | None]
    memo2: Mapped[str | None]
    memo3: Mapped[str | None]
    submitted_at: Mapped[Instant]
    confirm_by: Mapped[Instant]
    confirmed_at: Mapped[Instant | None]
    held_at: Mapped[Instant | None]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[str | None]
    customer_id: Mapped[str | None]
    invitation_id: Mapped[str | None]
    """The personal invitation it answers (APP-18)."""
    version: Mapped[int] = mapped_column(server_default="1")


class PersonalInvitation(Table):
    """An invitation to one address, with its own link, good for one application (APP-18)."""

    __tablename__ = "personal_invitations"
    __table_args__ = (CheckConstraint(one_of("state", InvitationState), "state"),)

    tenant_id: Mapped[TenantId]
    invitation_id: Mapped[str] = mapped_column(primary_key=True)
    mail_address: Mapped[str]
    name: Mapped[str | None]
    state: Mapped[str]
    expires_at: Mapped[Instant]
    created_at: Mapped[Instant]
    created_by: Mapped[str]
    application_number: Mapped[str | None]


class UtmAddition(Table):
    """What a portal user asked for, as sent, and what became of it (ADD-01…06)."""

    __tablename__ = "utm_additions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        CheckConstraint(one_of("state", AdditionState), "state"),
        Index("ix_utm_additions_submitted_at", "tenant_id", "submitted_at", "application_number"),
        Index("ix_utm_additions_state", "tenant_id", "state", "submitted_at"),
        Index("ix_utm_additions_customer_id", "tenant_id", "customer_id", "submitted_at"),
    )

    tenant_id: Mapped[TenantId]
    application_number: Mapped[str] = mapped_column(primary_key=True, unique=True)
    customer_id: Mapped[str]
    user_id: Mapped[str]
    """The applicant, who may have been deleted since; the next three are theirs when they applied."""
    last_name: Mapped[str]
    first_name: Mapped[str]
    mail_address: Mapped[str]
    language: Mapped[str]
    destination: Mapped[Json]
    """With its quantity."""
    state: Mapped[str]
    submitted_at: Mapped[Instant]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[str | None]
