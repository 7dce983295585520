"""What a cancellation, a moved date or an undo leads to, for dry run and act alike (CAN-03, CAN-04).

The facts are read here; everything else is computed by `models/rules`, by which the contract's procedure acts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import returned_devices
from activities.contract_rows import rate_plan_rows, surroundings
from activities.records import tenant_row
from api.consequence_wording import sentence
from models import contract_utms, outbox, shipments
from models.calendars import is_business_day
from models.contract_cancellation import Moment
from models.contracts import calendar_of, last_day_of
from models.durations import Durations
from models.postal_codes import find_place
from models.rules import consequences as rules
from models.rules.consequences import Device, Situation
from models.rules.shipments import ON_THE_WAY_OUT
from models.rules.undo_consequences import kit_undoing
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.tables.shipments import ReturnKit
from models.vocabulary import ConsequenceKind, Language, ReturnKitState, ShipmentState


class Consequence(BaseModel):
    """`what` is stable, `text` is for people; `detail`: dates, amounts, addresses, recipients."""

    at: datetime
    what: ConsequenceKind
    text: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What a command is judged by, and what its consequences follow from."""

    moment: Moment
    plans: Sequence[Row[Any]]
    situation: Situation


async def scene_of(
    connection: AsyncConnection, contract: Row[Any], *, at: datetime, durations: Durations, fixed_fee: int | None
) -> Scene:
    moment = Moment(at, await surroundings(connection, contract, durations), fixed_fee)
    plans = await rate_plan_rows(connection, contract)
    return Scene(moment, plans, await _situation(connection, contract, moment, durations))


def told(consequences: Sequence[rules.Consequence], language: Language) -> list[Consequence]:
    return [
        Consequence(at=one.at, what=one.what, text=sentence(one, language), detail=one.facts) for one in consequences
    ]


async def _situation(
    connection: AsyncConnection, contract: Row[Any], moment: Moment, durations: Durations
) -> Situation:
    tenant_id, customer_id = contract.tenant_id, contract.customer_id
    contact = select(Customer.mail_address).where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
    users = select(func.count()).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
    tenant = await tenant_row(connection, tenant_id)
    deliveries = {  # of each device the last
        parcel.utm_id: parcel.state
        for parcel in await shipments.deliveries(connection, tenant_id, contract.contract_number)
    }
    return Situation(
        calendar=calendar_of(contract, moment.around),
        includes_utm=contract.includes_utm,
        contact=(await connection.execute(contact)).scalar_one(),
        portal_users=(await connection.execute(users)).scalar_one(),
        notification_addresses=await outbox.notification_addresses(connection, tenant_id),
        is_business_day=is_business_day(tenant.country),
        portal_closing=durations.portal_closing,
        kit_due=durations.return_kit_due,
        devices=await _devices(connection, contract),
        ships=not ON_THE_WAY_OUT.isdisjoint(deliveries.values()),
        was_stopped=ShipmentState.STOPPED in deliveries.values(),
        other_last_days=await _other_last_days(connection, contract),
        cancelled_at=contract.cancelled_at,
        notices_sent=moment.around.notices_sent,
    )


async def _devices(connection: AsyncConnection, contract: Row[Any]) -> list[Device]:
    """With what an undo would mean for the kit of the cancellation that holds."""
    found = await connection.execute(
        select(ReturnKit.utm_id, ReturnKit.state).where(
            ReturnKit.tenant_id == contract.tenant_id,
            ReturnKit.contract_number == contract.contract_number,
            ReturnKit.ended_on == contract.cancellation_date,
        )
    )
    kits = {kit.utm_id: kit_undoing(ReturnKitState(kit.state)) for kit in found}
    here = {
        kit.utm_id: ConsequenceKind.SHIPMENT_BEGINS
        for kit in await returned_devices.not_replaced(connection, contract.tenant_id, contract.contract_number)
    }
    utms = await contract_utms.of_contract(connection, contract.tenant_id, contract.contract_number)
    return [
        Device(
            utm.utm_id,
            utm.postal_code,
            utm.address,
            _town(utm.postal_code),
            undoing=kits.get(utm.utm_id) or here.get(utm.utm_id),
        )
        for utm in utms
    ]


async def _other_last_days(connection: AsyncConnection, contract: Row[Any]) -> list[date | None]:
    found = await connection.execute(
        select(Contract.__table__).where(
            Contract.tenant_id == contract.tenant_id,
            Contract.customer_id == contract.customer_id,
            Contract.contract_number != contract.contract_number,
        )
    )
    return [last_day_of(other) for other in found]


@lru_cache(maxsize=4096)
def _town(postal_code: str) -> str:
    place = find_place(postal_code)
    return place.town if place else ""
