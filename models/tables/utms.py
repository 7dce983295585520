from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, JsonList, Table, TenantId


class Utm(Table):
    """A device registered for a customer (UTM-01).

    Deleted, its row stays for what refers to it, emptied of addresses, and the device can be registered anew; hence a
    key of its own. The one unique index that does not begin with the tenant keeps a UTM ID from a second registration,
    whosever the first is.
    """

    __tablename__ = "utms"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.customer_id"]),
        ForeignKeyConstraint(["tenant_id", "contract_number"], ["contracts.tenant_id", "contracts.contract_number"]),
        Index("uq_utms_utm_id", "utm_id", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_utms_customer_id", "tenant_id", "customer_id", "created_at", "utm_id"),
        Index("ix_utms_contract_number", "tenant_id", "contract_number"),
    )

    tenant_id: Mapped[TenantId]
    registration_id: Mapped[str] = mapped_column(primary_key=True)
    utm_id: Mapped[str]
    customer_id: Mapped[str]
    contract_number: Mapped[str | None]
    """The contract that it counts for, and with whose end it comes back."""
    name: Mapped[str]
    serial_number: Mapped[str]
    postal_code: Mapped[str]
    address: Mapped[str]
    """Where it is installed, with the prefecture."""
    delivery_status: Mapped[str]
    customer_addresses: Mapped[JsonList] = mapped_column(server_default="[]")
    service_desk_addresses: Mapped[JsonList] = mapped_column(server_default="[]")
    report_addresses: Mapped[JsonList] = mapped_column(server_default="[]")
    mac_address: Mapped[str | None]
    """Entered once; then it is the UTM ID's (UTM-02)."""
    token_digest: Mapped[str | None] = mapped_column(unique=True)
    """Of the device's token; none once it is deleted."""
    created_at: Mapped[Instant]
    deleted_at: Mapped[Instant | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    """Of this row; a device's `version` is its firmware's (`utm_connections`)."""
