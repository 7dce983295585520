from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Table, TenantId, one_of
from models.vocabulary import SignupState


class Person(Table):
    """One address, one password, in however many tenants and companies (TEN-06). Belongs to no tenant."""

    __tablename__ = "persons"
    __table_args__ = (
        Index("ix_persons_adrift_since", "adrift_since", postgresql_where=text("adrift_since IS NOT NULL")),
    )

    person_id: Mapped[str] = mapped_column(primary_key=True)
    mail_address: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    """argon2id, with its parameters; absent until the person has signed up."""
    password_changed_at: Mapped[Instant | None]
    """Resets asked for before are dead."""
    password_came_by_phone: Mapped[bool] = mapped_column(server_default=false())
    """By a code to a number that a tenant entered, or changed since by who had such a one: good for nowhere further."""
    created_at: Mapped[Instant]
    adrift_since: Mapped[Instant | None]
    """A membership has ended, or none has begun yet: the housekeeping forgets whoever belongs nowhere (CUS-05)."""


class Session(Table):
    """A signed-in person; the token itself is not kept (AUT-05)."""

    __tablename__ = "sessions"

    token_digest: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("persons.person_id", ondelete="CASCADE"), index=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]


class SignInTry(Table):
    """Wrong passwords in a row by address, also for addresses that nobody has, so that both look alike (AUT-02)."""

    __tablename__ = "sign_in_tries"

    address_digest: Mapped[str] = mapped_column(primary_key=True)
    wrong_in_a_row: Mapped[int]
    """Counted before the password is looked at; a right one sets it back."""
    locked_until: Mapped[Instant | None]
    last_try_at: Mapped[Instant | None]
    """The housekeeping forgets who has not tried for long."""
    lock_id: Mapped[str | None]
    """Of the latest lock, also when it is over."""


class StaffMember(Table):
    """A person's membership in a tenant, with the profile given at signup (TEN-03)."""

    __tablename__ = "staff_members"
    __table_args__ = (
        CheckConstraint(one_of("signup_state", SignupState), "signup_state"),
        Index("ix_staff_members_person_id", "person_id"),
    )

    tenant_id: Mapped[TenantId]
    person_id: Mapped[str] = mapped_column(ForeignKey("persons.person_id"), primary_key=True)
    mail_address: Mapped[str]
    user_name: Mapped[str | None]
    company_name: Mapped[str | None]
    department: Mapped[str | None]
    phone_number: Mapped[str | None]
    remark: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="admin")
    signup_state: Mapped[str]
    signup_expires_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    last_sign_in_at: Mapped[Instant | None]


class PortalUser(Table):
    """A customer company's person (USR-01); linked to a person once signed up."""

    __tablename__ = "portal_users"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        UniqueConstraint("tenant_id", "customer_id", "mail_address"),
        CheckConstraint(one_of("signup_state", SignupState), "signup_state"),
        Index("ix_portal_users_person_id", "person_id"),
    )

    tenant_id: Mapped[TenantId]
    user_id: Mapped[str] = mapped_column(primary_key=True, unique=True)
    customer_id: Mapped[str]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("persons.person_id"))
    last_name: Mapped[str]
    first_name: Mapped[str]
    mail_address: Mapped[str]
    mobile_number: Mapped[str | None]
    signup_state: Mapped[str]
    signup_expires_at: Mapped[Instant | None]
    last_sign_in_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    version: Mapped[int] = mapped_column(server_default="1")


class PasswordReset(Table):
    """A reset asked for by mail or SMS, single use (AUT-04). The SMS code is derived, never stored."""

    __tablename__ = "password_resets"
    __table_args__ = (Index("ix_password_resets_person_id", "person_id", "requested_at"),)

    tenant_id: Mapped[TenantId]
    reset_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("persons.person_id", ondelete="CASCADE"))
    channel: Mapped[str]
    requested_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    codes_tried: Mapped[int] = mapped_column(server_default="0")
    """Counted before the code is looked at."""
    used_at: Mapped[Instant | None]
