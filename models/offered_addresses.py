"""The addresses that a customer's applications name, offered where a destination is asked for (CON-02, ADD-05)."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.applications import ServiceApplication
from models.tables.customers import Customer


async def offered_addresses(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[dict[str, Any]]:
    """Destinations without quantity, each once, in the order they were applied for."""
    found = await connection.execute(
        select(ServiceApplication.utm_destinations)
        .join(
            Customer,
            (Customer.tenant_id == ServiceApplication.tenant_id)
            & (Customer.application_number == ServiceApplication.application_number),
        )
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
    )
    offered: list[dict[str, Any]] = []
    for destinations in found.scalars():
        for destination in destinations:
            place = {name: value for name, value in destination.items() if name != "quantity"}
            if place not in offered:
                offered.append(place)
    return offered
