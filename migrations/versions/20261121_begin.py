"""Tenants and their people, applications, customers, and what procedures keep."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import PERSON, append_only, isolate, let_operator_read, let_person_read

revision: str = "4e78e7bfcde4"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_TENANT_TABLES = (
    "api_keys",
    "audit_entries",
    "customers",
    "links",
    "mail_templates",
    "mails",
    "notification_addresses",
    "password_resets",
    "personal_invitations",
    "portal_users",
    "procedures",
    "service_applications",
    "staff_members",
    "tenants",
)


def upgrade() -> None:
    op.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app")
    op.execute("GRANT SELECT ON alembic_version TO app")

    op.create_table(
        "idempotent_answers",
        sa.Column("scope_digest", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope_digest", name=op.f("pk_idempotent_answers")),
    )
    op.create_index(op.f("ix_idempotent_answers_created_at"), "idempotent_answers", ["created_at"], unique=False)
    op.create_table(
        "persons",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("mail_address", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_persons")),
        sa.UniqueConstraint("mail_address", name=op.f("uq_persons_mail_address")),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("address_digest", sa.String(), nullable=False),
        sa.Column("wrong_in_a_row", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lock_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("address_digest", name=op.f("pk_sign_in_tries")),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("country", sa.String(length=2), server_default="JP", nullable=False),
        sa.Column("portal_base_url", sa.String(), nullable=True),
        sa.Column("sender_name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("utm_addition_enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("shortage_grace_days", sa.Integer(), server_default="20", nullable=False),
        sa.Column("allowed_referrers", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("links", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("extra_fields", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("language IN ('ja', 'en')", name=op.f("ck_tenants_language")),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_tenants_state")),
        sa.CheckConstraint("shortage_grace_days BETWEEN 0 AND 99", name=op.f("ck_tenants_shortage_grace_days")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key_digest", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_api_keys_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "api_key_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_digest", name=op.f("uq_api_keys_key_digest")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=True),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_audit_entries_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "entry_id", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        "ix_audit_entries_procedure_id", "audit_entries", ["tenant_id", "procedure_id", "entry_id"], unique=False
    )
    op.create_index(
        "uq_audit_entries_step",
        "audit_entries",
        ["tenant_id", "procedure_id", "step"],
        unique=True,
        postgresql_where=sa.text("step IS NOT NULL"),
    )
    op.create_table(
        "customers",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("company_name", sa.String(), nullable=False),
        sa.Column("memo1", sa.String(), nullable=True),
        sa.Column("memo2", sa.String(), nullable=True),
        sa.Column("memo3", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=True),
        sa.Column("position", sa.String(), nullable=True),
        sa.Column("mail_address", sa.String(), nullable=False),
        sa.Column("postal_code", sa.String(), nullable=False),
        sa.Column("prefecture", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("phone_number", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("account_state", sa.String(), nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_invoice_date", sa.Date(), nullable=True),
        sa.Column("application_number", sa.String(), nullable=True),
        sa.Column("extra", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("account_state IN ('free', 'active', 'suspended')", name=op.f("ck_customers_account_state")),
        sa.CheckConstraint("status IN ('draft', 'active', 'cancelled')", name=op.f("ck_customers_status")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_customers_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", name=op.f("pk_customers")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_customers_customer_id")),
    )
    op.create_index("ix_customers_created_at", "customers", ["tenant_id", "created_at", "customer_id"], unique=False)
    op.create_index("uq_customers_application_number", "customers", ["tenant_id", "application_number"], unique=True)
    op.create_table(
        "links",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("link_id", sa.String(), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('invitation', 'personal_invitation', 'application_confirmation', 'staff_signup', 'portal_user_signup', 'notification_address', 'password_reset')",
            name=op.f("ck_links_purpose"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_links_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "link_id", name=op.f("pk_links")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_links_token_digest")),
    )
    op.create_index("ix_links_subject", "links", ["tenant_id", "subject", "purpose"], unique=False)
    op.create_table(
        "mail_templates",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_mail_templates_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "template", name=op.f("pk_mail_templates")),
    )
    op.create_table(
        "mails",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("mail_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("link_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("html", sa.String(), nullable=True),
        sa.Column("smtp_answer", sa.String(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'unknown', 'deferred', 'failed', 'skipped')",
            name=op.f("ck_mails_state"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_mails_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "mail_id", name=op.f("pk_mails")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mails_message_id")),
    )
    op.create_index("ix_mails_queued_at", "mails", ["tenant_id", "queued_at", "mail_id"], unique=False)
    op.create_index("ix_mails_undelivered", "mails", ["tenant_id", "procedure_id", "sequence"], unique=False)
    op.create_index("uq_mails_step", "mails", ["tenant_id", "procedure_id", "step", "recipient"], unique=True)
    op.create_table(
        "notification_addresses",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mail_address", sa.String(), nullable=True),
        sa.Column("pending_mail_address", sa.String(), nullable=True),
        sa.Column("address_id", sa.String(), nullable=True),
        sa.CheckConstraint("slot BETWEEN 0 AND 2", name=op.f("ck_notification_addresses_slot")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_notification_addresses_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "slot", name=op.f("pk_notification_addresses")),
    )
    op.create_table(
        "password_resets",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("reset_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("codes_tried", sa.Integer(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.person_id"], name=op.f("fk_password_resets_persons"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_password_resets_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "reset_id", name=op.f("pk_password_resets")),
    )
    op.create_index("ix_password_resets_person_id", "password_resets", ["person_id", "requested_at"], unique=False)
    op.create_table(
        "personal_invitations",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("invitation_id", sa.String(), nullable=False),
        sa.Column("mail_address", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("application_number", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('sent', 'opened', 'applied', 'expired', 'withdrawn')", name=op.f("ck_personal_invitations_state")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_personal_invitations_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "invitation_id", name=op.f("pk_personal_invitations")),
    )
    op.create_table(
        "procedures",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("procedure_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("next", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attention", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "kind IN ('service-application', 'personal-invitation', 'signup', 'notification-address', 'password-reset', 'account-lock')",
            name=op.f("ck_procedures_kind"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_procedures_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "procedure_id", name=op.f("pk_procedures")),
        sa.UniqueConstraint("procedure_id", name=op.f("uq_procedures_procedure_id")),
    )
    op.create_index(
        "ix_procedures_attention",
        "procedures",
        ["tenant_id", "procedure_id"],
        unique=False,
        postgresql_where=sa.text("attention IS NOT NULL"),
    )
    op.create_index("ix_procedures_started_at", "procedures", ["tenant_id", "started_at", "procedure_id"], unique=False)
    op.create_table(
        "service_applications",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("application_number", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("company_name", sa.String(), nullable=False),
        sa.Column("company", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("utm_destinations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("portal_users", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("extra", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("memo1", sa.String(), nullable=True),
        sa.Column("memo2", sa.String(), nullable=True),
        sa.Column("memo3", sa.String(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirm_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("invitation_id", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "state IN ('awaiting_confirmation', 'unapproved', 'on_hold', 'approved', 'denied', 'lapsed', 'withdrawn', 'ended')",
            name=op.f("ck_service_applications_state"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_service_applications_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "application_number", name=op.f("pk_service_applications")),
        sa.UniqueConstraint("application_number", name=op.f("uq_service_applications_application_number")),
    )
    op.create_index(
        "ix_service_applications_state", "service_applications", ["tenant_id", "state", "submitted_at"], unique=False
    )
    op.create_index(
        "ix_service_applications_submitted_at",
        "service_applications",
        ["tenant_id", "submitted_at", "application_number"],
        unique=False,
    )
    op.create_table(
        "sessions",
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.person_id"], name=op.f("fk_sessions_persons"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"], unique=False)
    op.create_table(
        "staff_members",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("mail_address", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=True),
        sa.Column("company_name", sa.String(), nullable=True),
        sa.Column("department", sa.String(), nullable=True),
        sa.Column("phone_number", sa.String(), nullable=True),
        sa.Column("remark", sa.String(), nullable=True),
        sa.Column("role", sa.String(), server_default="admin", nullable=False),
        sa.Column("signup_state", sa.String(), nullable=False),
        sa.Column("signup_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "signup_state IN ('signup_open', 'registered', 'signup_expired', 'deleted', 'ended')",
            name=op.f("ck_staff_members_signup_state"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_staff_members_persons")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_staff_members_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", name=op.f("pk_staff_members")),
    )
    op.create_index("ix_staff_members_person_id", "staff_members", ["person_id"], unique=False)
    op.create_table(
        "portal_users",
        sa.Column("tenant_id", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("mail_address", sa.String(), nullable=False),
        sa.Column("mobile_number", sa.String(), nullable=True),
        sa.Column("signup_state", sa.String(), nullable=False),
        sa.Column("signup_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "signup_state IN ('signup_open', 'registered', 'signup_expired', 'deleted', 'ended')",
            name=op.f("ck_portal_users_signup_state"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_portal_users_persons")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.customer_id"],
            name=op.f("fk_portal_users_customers"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_portal_users_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_portal_users")),
        sa.UniqueConstraint(
            "tenant_id", "customer_id", "mail_address", name=op.f("uq_portal_users_tenant_id_customer_id_mail_address")
        ),
        sa.UniqueConstraint("user_id", name=op.f("uq_portal_users_user_id")),
    )
    op.create_index("ix_portal_users_person_id", "portal_users", ["person_id"], unique=False)

    for table in _TENANT_TABLES:
        isolate(table)
    mine = f"person_id = {PERSON}"
    for table in ("staff_members", "portal_users", "password_resets"):
        let_person_read(table, mine)
    let_person_read("tenants", f"{_member_of('staff_members', 'tenants')} OR {_member_of('portal_users', 'tenants')}")
    own_company = "portal_users.customer_id = customers.customer_id"
    let_person_read(
        "customers",
        f"{_member_of('staff_members', 'customers')} OR {_member_of('portal_users', 'customers', own_company)}",
    )
    for table in ("tenants", "procedures"):
        let_operator_read(table)
    append_only("audit_entries")


def downgrade() -> None:
    """There is nothing before the beginning: drop the database instead."""
    raise NotImplementedError


def _member_of(members: str, table: str, more: str = "true") -> str:
    """The person has signed up as one of `members` in the row's tenant."""
    return (
        f"EXISTS (SELECT FROM {members} WHERE {members}.tenant_id = {table}.tenant_id"
        f" AND {members}.person_id = {PERSON} AND {members}.signup_state = 'registered' AND {more})"
    )
