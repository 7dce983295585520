"""All tables, for migrations and the catalog test. Importing it loads SQLAlchemy: never from a workflow."""

from models.tables import (
    applications,
    approvals,
    catalogue,
    contracts,
    customers,
    devices,
    idempotent_answers,
    people,
    procedures,
    shipments,
    tenants,
    utms,
    viewers,
)
from models.tables.schema import Table

__all__ = [
    "applications",
    "approvals",
    "catalogue",
    "contracts",
    "customers",
    "devices",
    "idempotent_answers",
    "metadata",
    "people",
    "procedures",
    "shipments",
    "tenants",
    "utms",
    "viewers",
]

metadata = Table.metadata
