from datetime import date

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, Table, TenantId, one_of
from models.vocabulary import ParcelKind, ReturnKitState, ShipmentState


class Shipment(Table):
    """A parcel that the carrier takes: a UTM on its way to the customer, or one sending of a return kit (SHP-01)."""

    __tablename__ = "shipments"
    __table_args__ = (
        CheckConstraint(one_of("kind", ParcelKind), "kind"),
        CheckConstraint(one_of("state", ShipmentState), "state"),
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        Index("ix_shipments_contract_number", "tenant_id", "contract_number", "number"),
        Index("ix_shipments_customer_id", "tenant_id", "customer_id"),
    )

    tenant_id: Mapped[TenantId]
    shipment_id: Mapped[str] = mapped_column(primary_key=True)
    """Begins with the tenant's id: the carrier's events name nothing else."""
    kind: Mapped[str]
    contract_number: Mapped[str]
    customer_id: Mapped[str]
    utm_id: Mapped[str | None]
    """Of a kit, and of a delivery that replaces a device which has come back already (UND-03)."""
    number: Mapped[int]
    """Counts the contract's deliveries, or the kit's sendings, from 1."""
    procedure_id: Mapped[str]
    """The workflow that hears what the carrier reports."""
    product_name: Mapped[str]
    destination: Mapped[Json]
    state: Mapped[str]
    planned_arrival_date: Mapped[date | None]
    planned_reported_at: Mapped[Instant | None]
    carrier: Mapped[str | None]
    carrier_reported_at: Mapped[Instant | None]
    waybill_number: Mapped[str | None]
    waybill_reported_at: Mapped[Instant | None]
    last_event_id: Mapped[str | None]
    requested_at: Mapped[Instant]
    reported_at: Mapped[Instant | None]
    """When it reached its present state, by the carrier's account."""
    undeliverable_at: Mapped[Instant | None]
    delivered_at: Mapped[Instant | None]
    """Likewise when it first could not be delivered, and when it was: a kit that comes back was empty, or was not."""


class ReturnKit(Table):
    """What fetches one UTM back after its contract's end (KIT-01…05). A contract that ends again has new ones."""

    __tablename__ = "return_kits"
    __table_args__ = (
        CheckConstraint(one_of("state", ReturnKitState), "state"),
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        Index("ix_return_kits_customer_id", "tenant_id", "customer_id"),
    )

    tenant_id: Mapped[TenantId]
    contract_number: Mapped[str] = mapped_column(primary_key=True)
    utm_id: Mapped[str] = mapped_column(primary_key=True)
    ended_on: Mapped[date] = mapped_column(primary_key=True)
    """The contract's last day of service: its cancellation date."""
    customer_id: Mapped[str]
    procedure_id: Mapped[str]
    utm_name: Mapped[str]
    product_name: Mapped[str]
    state: Mapped[str]
    postal_code: Mapped[str]
    address: Mapped[str]
    """The installation address as it was at the contract's end, until staff correct it (KIT-03)."""
    requested_at: Mapped[Instant]
    """When the carrier is asked, or was (KIT-01)."""
    shipment_id: Mapped[str | None]
    """The latest sending."""
    sendings: Mapped[int] = mapped_column(server_default="0")
    sent_on: Mapped[date | None]
    """Day 0 of the customer's days; a kit sent again begins anew."""
    due_date: Mapped[date | None]
    waived: Mapped[bool] = mapped_column(server_default="false")
    """No charge for a device that stays away (KIT-04)."""
    received_at: Mapped[Instant | None]
    version: Mapped[int] = mapped_column(server_default="1")
