"""What the carrier has said of a parcel stays known when it says more, in whatever order (SHP-01, KIT-04)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_late_events"
down_revision: str | None = "20261122_mails_by_template"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NEW = ("carrier_reported_at", "undeliverable_at", "delivered_at")
_READ = ("shipments", "return_kits")


def upgrade() -> None:
    """Of a kit that has come back only its own row still tells whether the device was in it."""
    for name in _NEW:
        op.add_column("shipments", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for table in _READ:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")  # every tenant's rows, for this transaction
    op.execute(
        """
        UPDATE shipments SET
            carrier_reported_at = CASE WHEN carrier IS NOT NULL THEN waybill_reported_at END,
            delivered_at = CASE WHEN state = 'delivered' OR state = 'returned' AND device_came THEN reported_at END,
            undeliverable_at =
                CASE WHEN state = 'undeliverable' OR state = 'returned' AND NOT device_came THEN reported_at END
        FROM (
            SELECT tenant_id, shipment_id, EXISTS (
                SELECT FROM return_kits kit
                WHERE kit.tenant_id = parcel.tenant_id
                    AND kit.contract_number = parcel.contract_number
                    AND kit.shipment_id = parcel.shipment_id
                    AND kit.received_at IS NOT NULL
            ) AS device_came
            FROM shipments parcel
        ) known
        WHERE known.tenant_id = shipments.tenant_id AND known.shipment_id = shipments.shipment_id
        """
    )
    for table in _READ:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for name in _NEW:
        op.drop_column("shipments", name)
