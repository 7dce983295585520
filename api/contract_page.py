"""A contract as it is shown: its terms, plans and prices, what happened and what comes (CON-06, CON-07)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.contract_rows import rate_plan_rows, surroundings
from api.procedure_wording import sentence
from api.procedures import Event, Upcoming, timeline_of
from models.contract_utms import of_contract
from models.contracts import ContractRow, coming, last_day_of, rate_plans_of, terms_of, undo_deadline_of
from models.durations import Durations
from models.messages.procedure import Identity
from models.rules.contract_terms import Term, term
from models.rules.fees import RatePlan, price_of
from models.vocabulary import ContractStatus, Language, ProcedureKind, TermUnit


class Length(BaseModel):
    value: int
    unit: TermUnit


class ContractListed(BaseModel):
    """`end_date`: the last day of service as far as it is known; null where the contract renews without end.

    `term_start_date` and `term_end_date` are of the current term. Dates are the tenant's calendar (GEN-01).
    """

    contract_number: str
    customer_id: str
    product_id: str
    product_name: str
    status: ContractStatus
    start_date: date
    end_date: date | None
    term_start_date: date
    term_end_date: date
    next_renewal_date: date | None
    cancellation_date: date | None
    undo_deadline: datetime | None
    ended_at: datetime | None
    applied_at: datetime


class ChargeShown(BaseModel):
    """`unit_price` in whole yen, the agreed one where there is one; null for a discount, which has `percent`."""

    name: str
    description: str | None
    type: str
    model: str
    unit_price: int | None
    percent: int | None
    billing_period: str | None


class RatePlanShown(BaseModel):
    rate_plan_id: str
    name: str
    quantity: int
    unit_price: int | None
    charges: list[ChargeShown]


class Contract(ContractListed):
    """`fee`: whole yen, of the cancellation that holds; null where none is charged.

    `utm_ids`: the devices registered for it. `utm_id`: the one that its application named, unless it is others that are
    registered; then the first of them.
    """

    includes_utm: bool
    initial_term: Length
    renewal_term: Length
    term_number: int
    memo1: str | None
    memo2: str | None
    memo3: str | None
    utm_id: str | None
    utm_ids: list[str]
    utm_quantity: int
    shipping_required: bool
    destination: dict[str, Any] | None
    rate_plans: list[RatePlanShown]
    cancelled_at: datetime | None
    fee_charged: bool
    fee: int | None
    procedure_id: str
    next: list[Upcoming]
    timeline: list[Event]


def listed(contract: ContractRow, zone: str) -> ContractListed:
    return ContractListed(**_dates(contract, zone), **_named(contract, ContractListed))


async def detailed(
    connection: AsyncConnection, contract: Row[Any], *, durations: Durations, language: Language
) -> Contract:
    """In a transaction of its tenant."""
    around = await surroundings(connection, contract, durations)
    identity = identity_of(contract.tenant_id, contract.contract_number, contract.customer_id)
    timeline = await timeline_of(connection, contract.tenant_id, identity.procedure_id, language=language)
    upcoming = [
        Upcoming(at=one.at, what=one.what, text=sentence(one.what, language)) for one in coming(contract, around)
    ]
    utm_ids = [utm.utm_id for utm in await of_contract(connection, contract.tenant_id, contract.contract_number)]
    utm_id = contract.utm_id if contract.utm_id in utm_ids or not utm_ids else utm_ids[0]
    return Contract(
        **_dates(contract, around.zone),
        **_named(contract, Contract) | {"utm_id": utm_id, "utm_ids": utm_ids},
        initial_term=Length(value=contract.initial_term_value, unit=contract.initial_term_unit),
        renewal_term=Length(value=contract.renewal_term_value, unit=contract.renewal_term_unit),
        rate_plans=_rate_plans(await rate_plan_rows(connection, contract)),
        procedure_id=identity.procedure_id,
        next=upcoming,
        timeline=timeline,
    )


def identity_of(tenant_id: str, contract_number: str, customer_id: str) -> Identity:
    return Identity.of(ProcedureKind.CONTRACT, tenant_id, contract_number, customer_id)


def _dates(contract: ContractRow, zone: str) -> dict[str, Any]:
    current: Term = term(terms_of(contract), contract.term_number)
    renewal = current.last_day + timedelta(days=1)
    ends = last_day_of(contract)
    renews = contract.renewal_term_value and not contract.ended_at and (ends is None or ends >= renewal)
    return {
        "end_date": ends,
        "term_start_date": current.first_day,
        "next_renewal_date": renewal if renews else None,
        "undo_deadline": undo_deadline_of(contract, zone),
    }


def _named(contract: ContractRow, model: type[BaseModel]) -> dict[str, Any]:
    computed = {"end_date", "term_start_date", "next_renewal_date", "undo_deadline", "rate_plans"}
    return {
        name: getattr(contract, name) for name in model.model_fields if name not in computed and hasattr(contract, name)
    }


def _rate_plans(rows: Sequence[Row[Any]]) -> list[RatePlanShown]:
    plans = rate_plans_of(rows)
    return [_rate_plan(row, plan) for row, plan in zip(rows, plans, strict=True)]


def _rate_plan(row: Row[Any], plan: RatePlan) -> RatePlanShown:
    single = RatePlan(plan.charges, 1, plan.unit_price)
    prices = [price_of(single, charge) for charge in plan.charges]
    charges = [
        ChargeShown.model_validate({**stored, "unit_price": None if stored["price"] is None else price})
        for stored, price in zip(row.charges, prices, strict=True)
    ]
    return RatePlanShown(
        rate_plan_id=row.rate_plan_id,
        name=row.name,
        quantity=row.quantity,
        unit_price=row.unit_price,
        charges=charges,
    )
