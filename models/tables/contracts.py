from datetime import date
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, JsonList, Table, TenantId, one_of
from models.vocabulary import ChargeKind, ContractStatus, TermUnit


class Contract(Table):
    """A customer's contract for one product. What it was at the application is copied: the catalogue moves on (UND-02).

    Ended, `ended_at` is not null: its UTMs are no longer served (CAN-05).
    """

    __tablename__ = "contracts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        UniqueConstraint("tenant_id", "command_id"),
        CheckConstraint(one_of("status", ContractStatus), "status"),
        CheckConstraint(one_of("initial_term_unit", TermUnit), "initial_term_unit"),
        CheckConstraint(one_of("renewal_term_unit", TermUnit), "renewal_term_unit"),
        CheckConstraint("(status = 'cancelled') = (cancellation_date IS NOT NULL)", "cancellation_date"),
        Index("ix_contracts_customer_id", "tenant_id", "customer_id", "contract_number"),
    )

    tenant_id: Mapped[TenantId]
    contract_number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    status: Mapped[str]
    product_id: Mapped[str]
    product_name: Mapped[str]
    includes_utm: Mapped[bool]
    start_date: Mapped[date]
    initial_term_value: Mapped[int]
    initial_term_unit: Mapped[str]
    renewal_term_value: Mapped[int]
    """0: it does not renew."""
    renewal_term_unit: Mapped[str]
    term_number: Mapped[int] = mapped_column(server_default="0")
    """Of the current term; 0 is the initial one."""
    term_end_date: Mapped[date]
    memo1: Mapped[str | None]
    memo2: Mapped[str | None]
    memo3: Mapped[str | None]
    utm_id: Mapped[str | None]
    utm_quantity: Mapped[int] = mapped_column(server_default="0")
    """How many UTMs it covers: the highest quantity among its rate plans, 0 where the product includes none."""
    shipping_required: Mapped[bool] = mapped_column(server_default="false")
    destination: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    cancellation_date: Mapped[date | None]
    cancelled_at: Mapped[Instant | None]
    fee_charged: Mapped[bool] = mapped_column(server_default="false")
    fee: Mapped[int | None] = mapped_column(BigInteger)
    """Whole yen, of the cancellation that holds; None where no fee is charged."""
    stop_shipment: Mapped[bool] = mapped_column(server_default="false")
    done_until: Mapped[Instant]
    """Everything that the calendar brings has been done up to this instant."""
    ended_at: Mapped[Instant | None]
    applied_at: Mapped[Instant]
    applied_by: Mapped[str]
    command_id: Mapped[str]
    """Of the request that made it: its repetition finds its own contract under the number that it draws."""
    version: Mapped[int] = mapped_column(server_default="1")


class ContractRatePlan(Table):
    """A rate plan of a contract, with the charges and prices that the catalogue had when it was chosen."""

    __tablename__ = "contract_rate_plans"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "contract_number"], ["contracts.tenant_id", "contracts.contract_number"]),
    )

    tenant_id: Mapped[TenantId]
    contract_number: Mapped[str] = mapped_column(primary_key=True)
    rate_plan_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[int | None] = mapped_column(BigInteger)
    """Agreed instead of the catalogue's price of the plan's main charge."""
    charges: Mapped[JsonList]
    """[{name, description, type, model, price, percent, billing_period}]"""


class AccountCharge(Table):
    """An amount put on a customer's account outside its contracts' plans, for the next invoice to take.

    `cause`: the cancellation's step or the return kit's shipment. One cause is charged once, ever; reversed it stays.
    """

    __tablename__ = "account_charges"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        UniqueConstraint("tenant_id", "contract_number", "kind", "cause"),
        CheckConstraint(one_of("kind", ChargeKind), "kind"),
        Index("ix_account_charges_customer_id", "tenant_id", "customer_id", "charged_at"),
    )

    tenant_id: Mapped[TenantId]
    charge_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    contract_number: Mapped[str]
    kind: Mapped[str]
    cause: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    """Whole yen, without tax."""
    charged_at: Mapped[Instant]
    reversed_at: Mapped[Instant | None]
