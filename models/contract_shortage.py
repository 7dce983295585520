"""Customers with fewer UTMs under contract than they applied for (SET-09)."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Integer, Row, ScalarSelect, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from models.rules.periods import start_of_day
from models.tables.applications import ServiceApplication, UtmAddition
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.tenants import Tenant
from models.vocabulary import AdditionState, ApplicationState


async def under_contracted(connection: AsyncConnection, tenant: Row[tuple[Tenant]], today: date) -> list[str]:
    """The ids, in order: without those still in their first days (SET-02), and without the exempted.

    A contract counts from its application until its last day of service is over (CON-10).
    """
    newest = start_of_day(today - timedelta(days=tenant.shortage_grace_days - 1), tenant.time_zone)
    found = await connection.execute(
        select(Customer.customer_id)
        .where(
            Customer.tenant_id == tenant.tenant_id,
            Customer.deleted_at.is_(None),
            Customer.shortage_exempt.is_(False),
            Customer.created_at < newest,
            _contracted() < _applied_for() + _added(),
        )
        .order_by(Customer.customer_id)
    )
    return [*found.scalars()]


def _applied_for() -> ScalarSelect[Any]:
    """By the approved application that the customer of the outer query comes of."""
    destination = func.jsonb_array_elements(ServiceApplication.utm_destinations).table_valued(
        column("value", JSONB), name="destination"
    )
    quantity = cast(destination.c.value["quantity"].astext, Integer)
    return (
        select(func.coalesce(func.sum(quantity), 0))
        .select_from(ServiceApplication)
        .join(destination, onclause=ServiceApplication.state == ApplicationState.APPROVED)
        .where(
            ServiceApplication.tenant_id == Customer.tenant_id,
            ServiceApplication.application_number == Customer.application_number,
        )
        .correlate(Customer)
        .scalar_subquery()
    )


def _added() -> ScalarSelect[Any]:
    """By the approved UTM additions of the customer of the outer query."""
    quantity = cast(UtmAddition.destination["quantity"].astext, Integer)
    return (
        select(func.coalesce(func.sum(quantity), 0))
        .where(
            UtmAddition.tenant_id == Customer.tenant_id,
            UtmAddition.customer_id == Customer.customer_id,
            UtmAddition.state == AdditionState.APPROVED,
        )
        .correlate(Customer)
        .scalar_subquery()
    )


def _contracted() -> ScalarSelect[Any]:
    return (
        select(func.coalesce(func.sum(Contract.utm_quantity), 0))
        .where(
            Contract.tenant_id == Customer.tenant_id,
            Contract.customer_id == Customer.customer_id,
            Contract.ended_at.is_(None),
        )
        .correlate(Customer)
        .scalar_subquery()
    )
