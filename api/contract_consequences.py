"""Every dated consequence of a cancellation, of moving and of undoing it, for dry run and act alike (CAN-03, CAN-04).

What the calendar brings is computed by the functions that the contract's procedure goes by, from its row as it is or as
it would be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.contract_rows import rate_plan_rows, surroundings
from activities.records import tenant_row
from api.procedure_wording import sentence
from models import contract_utms, outbox
from models.calendars import is_business_day
from models.contract_cancellation import Moment, PlannedUndo
from models.contract_utms import ContractUtm
from models.contracts import ContractRow, calendar_of, last_day_of, rate_plans_of, terms_of, undo_deadline_of
from models.durations import Durations
from models.rules.addresses import lacks_house_number
from models.rules.cancellation import portal_closes_at, renewal_prevented, service_ends_at
from models.rules.contract_agenda import agenda
from models.rules.contract_terms import Term
from models.rules.customer_deletion import earliest_deletion
from models.rules.fees import cancellation_fee
from models.rules.kit_decisions import UNDER_WAY, kit_undone
from models.rules.periods import start_of_day
from models.rules.return_kits import kit_requested_at
from models.tables.contracts import Contract
from models.tables.shipments import ReturnKit
from models.vocabulary import Language, Mail, ReturnKitState


class Consequence(BaseModel):
    """`what` is stable, `text` is for people; `detail`: dates, amounts, addresses, recipients."""

    at: datetime
    what: str
    text: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What consequences are computed from: the contract as it stands or would stand, and all that is around it."""

    moment: Moment
    plans: Sequence[Row[Any]]
    utms: Sequence[ContractUtm]
    notified: Sequence[str]
    country: str
    others: Sequence[date | None]
    """The last days of the customer's other contracts."""
    durations: Durations


async def scene_of(
    connection: AsyncConnection, contract: Row[Any], *, at: datetime, durations: Durations, fixed_fee: int | None
) -> Scene:
    tenant = await tenant_row(connection, contract.tenant_id)
    others = await connection.execute(
        select(Contract.__table__).where(
            Contract.tenant_id == contract.tenant_id,
            Contract.customer_id == contract.customer_id,
            Contract.contract_number != contract.contract_number,
        )
    )
    return Scene(
        moment=Moment(at, await surroundings(connection, contract, durations), fixed_fee),
        plans=await rate_plan_rows(connection, contract),
        utms=await contract_utms.of_contract(connection, contract.tenant_id, contract.contract_number),
        notified=await outbox.notification_addresses(connection, contract.tenant_id),
        country=tenant.country,
        others=[last_day_of(other) for other in others],
        durations=durations,
    )


def of_cancellation(contract: ContractRow, scene: Scene, mail: Mail, language: Language) -> list[Consequence]:
    """Of a contract that is cancelled, or would be: from the command's instant to the customer's deletion."""
    found = [*_at_once(contract, scene, mail), *_by_the_calendar(contract, scene), *_afterwards(contract, scene)]
    return _told(found, language)


def of_undo(
    before: ContractRow, planned: PlannedUndo, scene: Scene, kits: Sequence[Row[Any]], language: Language
) -> list[Consequence]:
    """Of an undo: all of it happens at once."""
    at = scene.moment.at
    found: list[_Fact] = [
        (at, "contract_active", {"terms": "as before"}),
        (at, "mail", {"template": Mail.CANCELLATION_UNDONE, "recipients": [*scene.notified]}),
    ]
    if before.fee:
        found.append((at, "fee_reversed", {"amount": before.fee}))
    found += [(at, "contract_renewed", _term(renewed)) for renewed in planned.renewals]
    if planned.notice and planned.notice.renewed:
        found.append((at, "renewal_notice", {"recipients": [*scene.notified], **_term(planned.notice.renewed)}))
    if planned.expires:
        found.append((at, "contract_expired", {}))
    for kit in kits:
        state = ReturnKitState(kit.state)
        becomes = kit_undone(state) if state in UNDER_WAY else state
        found.append((at, "return_kit_undone", {"utm_id": kit.utm_id, "from": state, "to": becomes}))
    return _told(found, language)


async def kits_of(connection: AsyncConnection, contract: Row[Any]) -> Sequence[Row[Any]]:
    """The return kits of the cancellation that holds."""
    found = await connection.execute(
        select(ReturnKit.__table__)
        .where(
            ReturnKit.tenant_id == contract.tenant_id,
            ReturnKit.contract_number == contract.contract_number,
            ReturnKit.ended_on == contract.cancellation_date,
        )
        .order_by(ReturnKit.utm_id)
    )
    return found.all()


_Fact = tuple[datetime, str, dict[str, Any]]


def _at_once(contract: ContractRow, scene: Scene, mail: Mail) -> Iterator[_Fact]:
    at = contract.cancelled_at if mail is Mail.CONTRACT_CANCELLED else scene.moment.at
    yield at, "mail", {"template": mail, "recipients": [*scene.notified]}
    if contract.fee_charged:
        plans, terms = rate_plans_of(scene.plans), terms_of(contract)
        fee = cancellation_fee(plans, terms, contract.cancellation_date, fixed=scene.moment.fixed_fee)
        arithmetic = {"monthly_amount": fee.monthly_amount, "months_left": fee.months_left, "fixed": fee.is_fixed}
        yield at, "cancellation_fee", {"amount": fee.amount, **arithmetic}
    if contract.stop_shipment and contract.shipping_required:
        yield at, "shipment_stopped", {}


def _by_the_calendar(contract: ContractRow, scene: Scene) -> Iterator[_Fact]:
    zone, day = scene.moment.around.zone, contract.cancellation_date
    until = service_ends_at(day, zone)
    for due in agenda(calendar_of(contract, scene.moment.around), contract.done_until, until):
        yield due.at, due.event, _term(due.renewed) if due.renewed else {"last_day_of_service": day.isoformat()}
    prevented = renewal_prevented(terms_of(contract), day)
    if prevented is not None:
        yield start_of_day(prevented.first_day, zone), "renewal_prevented", _term(prevented)


def _afterwards(contract: ContractRow, scene: Scene) -> Iterator[_Fact]:
    zone, day = scene.moment.around.zone, contract.cancellation_date
    ends_at = service_ends_at(day, zone)
    if contract.shipping_required and not contract.stop_shipment:
        yield ends_at, "shipment_stopped", {"unless": "shipped"}
    if contract.includes_utm:
        sent_at = kit_requested_at(day, zone, is_business_day(scene.country))
        for utm in scene.utms:
            yield sent_at, "return_kit_requested", _kit(utm)
    deadline = undo_deadline_of(contract, zone)
    if deadline is not None:
        yield deadline, "undo_window_closes", {}
    last_days = [*scene.others, day]
    known = [last_day for last_day in last_days if last_day is not None]
    if len(known) == len(last_days):
        yield service_ends_at(max(known), zone), "customer_cancelled", {}
        yield portal_closes_at(max(known), zone, scene.durations.portal_closing), "portal_closes", {}
    deletable = earliest_deletion(last_days)
    if deletable is not None:
        yield start_of_day(deletable, zone), "customer_deletable", {"deletable_from": deletable.isoformat()}


def _kit(utm: ContractUtm) -> dict[str, Any]:
    place = {"postal_code": utm.postal_code, "address": utm.address}
    return {"utm_id": utm.utm_id, "name": utm.name, **place, "has_house_number": not lacks_house_number(utm.address)}


def _term(term: Term) -> dict[str, Any]:
    return {
        "term_number": term.number,
        "term_start_date": term.first_day.isoformat(),
        "term_end_date": term.last_day.isoformat(),
    }


def _told(found: Sequence[_Fact], language: Language) -> list[Consequence]:
    ordered = sorted(found, key=lambda fact: fact[0])
    return [Consequence(at=at, what=what, text=sentence(what, language), detail=detail) for at, what, detail in ordered]
