from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, Table, TenantId, one_of
from models.vocabulary import AccountState, CustomerStatus


class Customer(Table):
    """A customer company (CUS-01); one at most comes of an application (APP-13)."""

    __tablename__ = "customers"
    __table_args__ = (
        CheckConstraint(one_of("status", CustomerStatus), "status"),
        CheckConstraint(one_of("account_state", AccountState), "account_state"),
        Index("uq_customers_application_number", "tenant_id", "application_number", unique=True),
        Index("ix_customers_created_at", "tenant_id", "created_at", "customer_id"),
        Index("ix_customers_company_name", "tenant_id", "company_name", "customer_id"),
        Index("ix_customers_balance", "tenant_id", "balance", "customer_id"),
    )

    tenant_id: Mapped[TenantId]
    customer_id: Mapped[str] = mapped_column(primary_key=True, unique=True)
    company_name: Mapped[str]
    memo1: Mapped[str | None]
    memo2: Mapped[str | None]
    memo3: Mapped[str | None]
    last_name: Mapped[str]
    first_name: Mapped[str]
    department: Mapped[str | None]
    position: Mapped[str | None]
    mail_address: Mapped[str]
    postal_code: Mapped[str]
    prefecture: Mapped[str]
    address: Mapped[str]
    phone_number: Mapped[str]
    status: Mapped[str]
    account_state: Mapped[str]
    balance: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_invoice_date: Mapped[date | None]
    application_number: Mapped[str | None]
    extra: Mapped[Json] = mapped_column(server_default="{}")
    portal_closes_at: Mapped[Instant | None]
    """From then on its people no longer get in: its last contract has ended (CAN-05)."""
    shortage_exempt: Mapped[bool] = mapped_column(server_default="false")
    """The operator has it left out of the contract-shortage notice (SET-09)."""
    created_at: Mapped[Instant]
    deleted_at: Mapped[Instant | None]
    """Once it is deleted, its number and amounts are all that is left, and the number is never used again (CUS-05)."""
    version: Mapped[int] = mapped_column(server_default="1")
