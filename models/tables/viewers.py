"""Viewer programs on customers' PCs, from the request to the credential's end (VWR-01…05)."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Table, TenantId, one_of
from models.viewer_vocabulary import ViewerState


class Viewer(Table):
    """One request, and the credential that comes of it."""

    __tablename__ = "viewers"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        CheckConstraint(one_of("state", ViewerState), "state"),
        Index("ix_viewers_customer_id", "tenant_id", "customer_id", "requested_at"),
    )

    tenant_id: Mapped[TenantId]
    viewer_id: Mapped[str] = mapped_column(primary_key=True, unique=True)
    """The request's number, which nobody can guess: whoever names it finds the row without knowing the tenant."""
    customer_id: Mapped[str]
    name: Mapped[str]
    mail_address: Mapped[str]
    department: Mapped[str | None]
    pc_name: Mapped[str]
    pc_digest: Mapped[str]
    """Of the PC's fingerprint."""
    state: Mapped[str]
    requested_at: Mapped[Instant]
    token_expires_at: Mapped[Instant | None]
    token_tries: Mapped[int] = mapped_column(server_default="0")
    """Of wrong ones. The token itself is derived, never stored."""
    credential_digest: Mapped[str | None] = mapped_column(unique=True)
    allowed_at: Mapped[Instant | None]
    last_used_at: Mapped[Instant | None]
    """Noted every ten minutes at most."""
    warned_at: Mapped[Instant | None]
    """When it was last announced that it will end for want of use."""
    ended_at: Mapped[Instant | None]
