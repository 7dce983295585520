"""The addresses that a customer's applications name, offered where a destination is asked for (CON-02, ADD-05)."""

from itertools import chain
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.applications import ServiceApplication, UtmAddition
from models.tables.customers import Customer
from models.vocabulary import AdditionState


async def offered_addresses(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[dict[str, Any]]:
    """Destinations without quantity, each once, in the order they were applied for.

    Those of the application that the customer comes of, and of approved UTM additions.
    """
    found = await connection.execute(
        select(ServiceApplication.utm_destinations)
        .join(
            Customer,
            (Customer.tenant_id == ServiceApplication.tenant_id)
            & (Customer.application_number == ServiceApplication.application_number),
        )
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
    )
    added = await connection.execute(
        select(UtmAddition.destination)
        .where(
            UtmAddition.tenant_id == tenant_id,
            UtmAddition.customer_id == customer_id,
            UtmAddition.state == AdditionState.APPROVED,
        )
        .order_by(UtmAddition.submitted_at, UtmAddition.application_number)
    )
    offered: list[dict[str, Any]] = []
    for destination in [*chain.from_iterable(found.scalars()), *added.scalars()]:
        place = {name: value for name, value in destination.items() if name != "quantity"}
        if place not in offered:
            offered.append(place)
    return offered
