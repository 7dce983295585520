from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, JsonList, Table, TenantId, one_of
from models.vocabulary import Language, TenantState


class Tenant(Table):
    """A partner tenant and its settings (TEN-01, SET-01…05)."""

    __tablename__ = "tenants"
    __table_args__ = (
        CheckConstraint(one_of("state", TenantState), "state"),
        CheckConstraint(one_of("language", Language), "language"),
        CheckConstraint("shortage_grace_days BETWEEN 0 AND 99", "shortage_grace_days"),
    )

    tenant_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    language: Mapped[str]
    country: Mapped[str] = mapped_column(String(2), server_default="JP")
    portal_base_url: Mapped[str | None]
    sender_name: Mapped[str]
    state: Mapped[str]
    utm_addition_enabled: Mapped[bool] = mapped_column(server_default="true")
    shortage_grace_days: Mapped[int] = mapped_column(server_default="20")
    allowed_referrers: Mapped[JsonList] = mapped_column(server_default="[]")
    links: Mapped[JsonList] = mapped_column(server_default="[]")
    extra_fields: Mapped[JsonList] = mapped_column(server_default="[]")
    created_at: Mapped[Instant]
    version: Mapped[int] = mapped_column(server_default="1")


class NotificationAddress(Table):
    """Up to three per tenant, one a slot; a pending address works only once its link is pressed (SET-06)."""

    __tablename__ = "notification_addresses"
    __table_args__ = (CheckConstraint("slot BETWEEN 0 AND 2", "slot"),)

    tenant_id: Mapped[TenantId]
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mail_address: Mapped[str | None]
    pending_mail_address: Mapped[str | None]
    address_id: Mapped[str | None]
    """Of the pending address: the subject of the procedure that waits for its confirmation."""


class MailTemplate(Table):
    """A tenant's own wording of one of the thirteen templates; no row means the default (TPL-02)."""

    __tablename__ = "mail_templates"

    tenant_id: Mapped[TenantId]
    template: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    body: Mapped[str]
    updated_at: Mapped[Instant]
    updated_by: Mapped[str]


class ApiKey(Table):
    __tablename__ = "api_keys"

    tenant_id: Mapped[TenantId]
    api_key_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    scope: Mapped[str]
    key_digest: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[str]
    created_at: Mapped[Instant]
    last_used_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
