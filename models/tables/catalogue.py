"""The operator's catalogue: of no tenant, read by all, written only as the operator (CAT-01)."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, Table, one_of
from models.vocabulary import BillingPeriod, ChargeModel, ChargeType


class Product(Table):
    __tablename__ = "products"
    __table_args__ = (Index("ix_products_created_at", "created_at", "product_id"),)

    product_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str | None]
    includes_utm: Mapped[bool]
    created_at: Mapped[Instant]
    retired_at: Mapped[Instant | None]
    """Out of the catalogue: contracts that have it keep it, new ones cannot."""
    version: Mapped[int] = mapped_column(server_default="1")


class RatePlan(Table):
    """Its charges never change, so that a contract that has it costs what it did (UND-02)."""

    __tablename__ = "rate_plans"
    __table_args__ = (Index("ix_rate_plans_product_id", "product_id", "position", unique=True),)

    rate_plan_id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.product_id"))
    position: Mapped[int]
    name: Mapped[str]
    retired_at: Mapped[Instant | None]


class Charge(Table):
    __tablename__ = "charges"
    __table_args__ = (
        CheckConstraint(one_of("type", ChargeType), "type"),
        CheckConstraint(one_of("model", ChargeModel), "model"),
        CheckConstraint(one_of("billing_period", BillingPeriod), "billing_period"),
        CheckConstraint("type <> 'recurring' OR billing_period IS NOT NULL", "recurs"),
        CheckConstraint("(model = 'discount_percentage') = (price IS NULL)", "price"),
        CheckConstraint("(model = 'discount_percentage') = (percent IS NOT NULL)", "percent"),
        Index("ix_charges_rate_plan_id", "rate_plan_id", "position", unique=True),
    )

    charge_id: Mapped[str] = mapped_column(primary_key=True)
    rate_plan_id: Mapped[str] = mapped_column(ForeignKey("rate_plans.rate_plan_id"))
    position: Mapped[int]
    name: Mapped[str]
    description: Mapped[str | None]
    type: Mapped[str]
    model: Mapped[str]
    price: Mapped[int | None] = mapped_column(BigInteger)
    """Whole yen, without tax."""
    percent: Mapped[int | None]
    billing_period: Mapped[str | None]


class CatalogueEntry(Table):
    """Append-only: what the operator did to the catalogue, and when (GEN-04). No tenant sees it."""

    __tablename__ = "catalogue_entries"
    __table_args__ = (Index("ix_catalogue_entries_product_id", "product_id", "entry_id"),)

    entry_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[Instant]
    actor: Mapped[str]
    what: Mapped[str]
    product_id: Mapped[str] = mapped_column(ForeignKey("products.product_id"))
    detail: Mapped[Json] = mapped_column(server_default="{}")
