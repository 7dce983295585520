"""Cancelling a contract, moving the date, and undoing it, each with its dry run (CAN-01…09, UND-01…06)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, StrictBool
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.authentication import Caller, Staff
from api.commands import ProcedureGoneError, Update
from api.context import Context, Shared
from api.contract_consequences import Consequence, Scene, scene_of, told
from api.contract_page import identity_of
from api.contracts import of_customer
from api.idempotency import Once, PostedRequest
from api.language import language_of
from models.contract_cancellation import plan_cancellation, plan_move, plan_undo
from models.contracts import ContractRow, rate_plans_of, standing_of, terms_of, undo_deadline_of
from models.fields import Day, Input
from models.messages.contract_steps import CancelContract, ContractRecorded, MoveCancellation
from models.messages.procedure import Command
from models.refusals import Refusal, WrongState
from models.rules import consequences as rules
from models.rules.cancellation_consequences import of_cancelling, of_moving
from models.rules.contract_decisions import refusal_of
from models.rules.fees import Fee, cancellation_fee
from models.rules.undo_consequences import of_undoing
from models.vocabulary import ContractCommand, ContractStatus, Language
from workflows.contract import Contract

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/contracts/{number}", tags=["Contracts"])


class CancellationInput(Input):
    """`stop_shipment`: what has not been shipped is stopped at once, not at the contract's end (SHP-05)."""

    cancellation_date: Day
    charge_fee: StrictBool
    stop_shipment: StrictBool = False
    dry_run: StrictBool = False


class MoveInput(Input):
    cancellation_date: Day
    dry_run: StrictBool = False


class UndoInput(Input):
    dry_run: StrictBool = False


_NOT_DRY = UndoInput()


class CancellationAnswer(BaseModel):
    """How the contract stands, or in a dry run would stand. `consequences`: soonest first."""

    contract_number: str
    status: ContractStatus
    cancellation_date: date | None
    fee: int | None
    undo_deadline: datetime | None
    dry_run: bool
    consequences: list[Consequence]


@dataclass(frozen=True)
class Place:
    """Which contract, and who asks in which language."""

    context: Context
    tenant_id: str
    customer_id: str
    number: str
    language: Language


def _place(tenant_id: str, customer_id: str, number: str, context: Shared, request: Request) -> Place:
    return Place(context, tenant_id, customer_id, number, language_of(request))


Here = Annotated[Place, Depends(_place)]


@router.post("/cancel", response_model=CancellationAnswer)
async def cancel(here: Here, body: CancellationInput, staff: Staff, posted: PostedRequest) -> Response:
    """Cancel for a date, with or without a fee (CAN-01). With `dry_run` nothing changes, and the answer is the same."""
    once = await posted.by(staff.actor)
    await _expect_contract(here)
    if body.dry_run:
        return await once.answer(await _dry_cancellation(here, body))
    command = CancelContract(
        **_command(once, staff), **body.model_dump(include={"cancellation_date", "charge_fee", "stop_shipment"})
    )
    await _send(here, Contract.cancel, command, ContractCommand.CANCEL)
    return await once.answer(await _cancelled(here))


@router.post("/reschedule-cancellation", response_model=CancellationAnswer)
async def reschedule(here: Here, body: MoveInput, staff: Staff, posted: PostedRequest) -> Response:
    """Move the date, earlier or later, until the contract has ended (CAN-06)."""
    once = await posted.by(staff.actor)
    await _expect_contract(here)
    foreseen = await _foreseen_move(here, body)
    if isinstance(foreseen, CancellationAnswer):
        return await once.answer(foreseen)
    command = MoveCancellation(**_command(once, staff), cancellation_date=body.cancellation_date)
    await _send(here, Contract.reschedule, command, ContractCommand.RESCHEDULE)
    return await once.answer(await _now(here, foreseen))


@router.post("/undo-cancellation", response_model=CancellationAnswer)
async def undo(here: Here, staff: Staff, posted: PostedRequest, body: UndoInput = _NOT_DRY) -> Response:
    """Undo the cancellation of a product with UTM, while its window is open (UND-01).

    What fell due meanwhile is made up, the fee is reversed, and return kits are stopped or recalled (UND-02, UND-03).
    """
    once = await posted.by(staff.actor)
    await _expect_contract(here)
    foreseen = await _foreseen_undo(here, body)
    if isinstance(foreseen, CancellationAnswer):
        return await once.answer(foreseen)
    await _send(here, Contract.undo, Command(**_command(once, staff)), ContractCommand.UNDO)
    return await once.answer(await _now(here, foreseen))


async def _expect_contract(here: Place) -> Row[Any]:
    """Raises: NotFound: the customer has no such contract."""
    async with here.context.database.transaction(here.tenant_id) as connection:
        return await of_customer(connection, here.tenant_id, here.customer_id, here.number)


def _command(once: Once, staff: Caller) -> dict[str, str]:
    return {"command_id": once.command_id, "fingerprint": once.fingerprint, "actor": staff.actor}


async def _send(here: Place, update: Update[ContractRecorded], command: Command, what: ContractCommand) -> None:
    """Raises: Refusal: by the contract's procedure, or, where that is over, by what stands in the row."""
    try:
        await here.context.commands.send(identity_of(here.tenant_id, here.number, here.customer_id), update, command)
    except ProcedureGoneError:
        async with here.context.database.transaction(here.tenant_id) as connection:
            row = await of_customer(connection, here.tenant_id, here.customer_id, here.number)
            zone = (await tenant_row(connection, here.tenant_id)).time_zone
        refusal = refusal_of(what, standing_of(row, zone), await here.context.clock.now())
        raise refusal or WrongState(state=row.status) from None


async def _scene(here: Place, connection: AsyncConnection) -> tuple[Row[Any], Scene]:
    row = await of_customer(connection, here.tenant_id, here.customer_id, here.number)
    settings = here.context.settings
    at = await here.context.clock.now()
    scene = await scene_of(connection, row, at=at, durations=settings.durations, fixed_fee=settings.cancellation_fee)
    return row, scene


async def _dry_cancellation(here: Place, body: CancellationInput) -> CancellationAnswer:
    async with here.context.database.transaction(here.tenant_id) as connection:
        row, scene = await _scene(here, connection)
    planned = plan_cancellation(
        row, scene.plans, body.cancellation_date, charge_fee=body.charge_fee, moment=scene.moment
    )
    would_be = _changed(row, status=ContractStatus.CANCELLED, **planned.columns)
    found = of_cancelling(
        scene.situation, planned.day, now=scene.moment.at, fee=planned.fee, stop_shipment=body.stop_shipment
    )
    return _answer(would_be, scene, told(found, here.language), dry=True)


async def _cancelled(here: Place) -> CancellationAnswer:
    """By what has been recorded: a repetition is told the same."""
    async with here.context.database.transaction(here.tenant_id) as connection:
        row, scene = await _scene(here, connection)
    if row.status != ContractStatus.CANCELLED:  # undone already by somebody else
        return _answer(row, scene, [], dry=False)
    found = of_cancelling(
        scene.situation,
        row.cancellation_date,
        now=row.cancelled_at,
        fee=_fee(row, scene),
        stop_shipment=row.stop_shipment,
    )
    return _answer(row, scene, told(found, here.language), dry=False)


def _fee(row: Row[Any], scene: Scene) -> Fee | None:
    if not row.fee_charged:
        return None
    plans, fixed = rate_plans_of(scene.plans), scene.moment.fixed_fee
    return cancellation_fee(plans, terms_of(row), row.cancellation_date, fixed=fixed)


async def _foreseen_move(here: Place, body: MoveInput) -> CancellationAnswer | list[Consequence]:
    """The answer of a dry run; or what the act will lead to, told before it: afterwards the former date is gone.

    Whether it is open is the procedure's to say, unless this is a dry run.
    """
    async with here.context.database.transaction(here.tenant_id) as connection:
        row, scene = await _scene(here, connection)
    try:
        planned = plan_move(row, scene.plans, body.cancellation_date, moment=scene.moment)
    except Refusal:
        if body.dry_run:
            raise
        return []
    found = of_moving(scene.situation, planned.day, now=scene.moment.at, fee=planned.fee)
    return _foreseen(here, _changed(row, **planned.columns), scene, found, dry=body.dry_run)


async def _foreseen_undo(here: Place, body: UndoInput) -> CancellationAnswer | list[Consequence]:
    """Likewise, of an undo."""
    async with here.context.database.transaction(here.tenant_id) as connection:
        row, scene = await _scene(here, connection)
    try:
        planned = plan_undo(row, moment=scene.moment)
    except Refusal:
        if body.dry_run:
            raise
        return []
    status = ContractStatus.EXPIRED if planned.expires else ContractStatus.ACTIVE
    would_be = _changed(row, status=status, cancellation_date=None, fee=None)
    found = of_undoing(scene.situation, now=scene.moment.at, fee=row.fee)
    return _foreseen(here, would_be, scene, found, dry=body.dry_run)


def _foreseen(
    here: Place, would_be: ContractRow, scene: Scene, found: Sequence[rules.Consequence], *, dry: bool
) -> CancellationAnswer | list[Consequence]:
    consequences = told(found, here.language)
    return _answer(would_be, scene, consequences, dry=True) if dry else consequences


async def _now(here: Place, consequences: list[Consequence]) -> CancellationAnswer:
    async with here.context.database.transaction(here.tenant_id) as connection:
        row, scene = await _scene(here, connection)
    return _answer(row, scene, consequences, dry=False)


def _changed(row: Row[Any], **values: Any) -> ContractRow:  # noqa: ANN401 - columns
    """The row as it would be."""
    return SimpleNamespace(**{**row._asdict(), **values})


def _answer(contract: ContractRow, scene: Scene, consequences: list[Consequence], *, dry: bool) -> CancellationAnswer:
    return CancellationAnswer(
        contract_number=contract.contract_number,
        status=contract.status,
        cancellation_date=contract.cancellation_date,
        fee=contract.fee,
        undo_deadline=undo_deadline_of(contract, scene.moment.around.zone),
        dry_run=dry,
        consequences=consequences,
    )
