"""Changing a contract: memos, plans, and the destination until it is shipped, with its dry run (CON-08, CAN-03)."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.contract_changes import DESTINATION, apply_changes
from activities.contract_rows import contract_row, rate_plan_rows
from activities.records import tenant_row
from api.authentication import Caller, Staff
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.contract_consequences import Consequence, told
from api.contract_input import ContractChange, chosen_plans
from api.contract_page import Contract, detailed, identity_of
from api.contracts import of_customer
from api.etags import IfMatch, check_if_match, etag
from api.language import language_of
from models import audit
from models.audit import Fact
from models.catalogue import find_product
from models.contracts import rate_plans_of, standing_of
from models.identifiers import Draw
from models.messages.contract_steps import ChangeContract, ChosenPlan, ContractChanges
from models.refusals import NothingChanged, WrongState
from models.rules import consequences as rules
from models.rules.contract_decisions import refusal_of
from models.rules.fees import recurring_amount
from models.rules.undo_consequences import of_changing
from models.vocabulary import ContractCommand
from workflows.contract import Contract as ContractWorkflow

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/contracts", tags=["Contracts"])


class ChangedContract(Contract):
    """The contract as it stands, or in a dry run would stand; `consequences` of the change, soonest first."""

    dry_run: bool = False
    consequences: list[Consequence] = Field(default_factory=list)


@router.patch("/{number}")
async def change(  # noqa: PLR0913 - the path has three parts
    tenant_id: str,
    customer_id: str,
    number: str,
    body: ContractChange,
    request: Request,
    context: Shared,
    staff: Staff,
    *,
    response: Response,
    if_match: IfMatch = None,
) -> ChangedContract:
    """Change memos and plans of an active contract, and its destination until it is shipped (CON-08).

    Plans that the contract has keep the prices they were chosen with; new ones come from today's catalogue. With
    `dry_run` nothing changes, and the answer is the same.
    """
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        row = await of_customer(connection, tenant_id, customer_id, number, locked=True)
        zone = (await tenant_row(connection, tenant_id)).time_zone
        refusal = refusal_of(ContractCommand.CHANGE, standing_of(row, zone), now)
        if refusal is not None:
            raise refusal
        check_if_match(if_match, etag(row.version))
        changes = await _changes(connection, row, body)
        if not changes.names:
            raise NothingChanged
        plans = await rate_plan_rows(connection, row)
        before, after = (recurring_amount(rate_plans_of(chosen)) for chosen in (plans, changes.rate_plans or plans))
        found = of_changing(before, after, now=now, redirected=DESTINATION in changes.values)
        if body.dry_run:
            return await _as_it_would_be(connection, context, request, row, changes=changes, found=found)
        if DESTINATION not in changes.values:
            await apply_changes(connection, row, changes)
            await audit.record(connection, _fact(row, staff, at=now, fields=changes.names))
    if DESTINATION in changes.values:
        await _send(context, row, staff, changes, version=row.version if if_match else None)
    async with context.database.transaction(tenant_id) as connection:
        row = await contract_row(connection, tenant_id, number)
        response.headers["ETag"] = etag(row.version)
        return await _shown(connection, context, request, row, found=found)


async def _as_it_would_be(
    connection: AsyncConnection,
    context: Context,
    request: Request,
    row: Row[Any],
    *,
    changes: ContractChanges,
    found: list[rules.Consequence],
) -> ChangedContract:
    """The change is made and taken back."""
    made = await connection.begin_nested()
    row, _ = await apply_changes(connection, row, changes)
    shown = await _shown(connection, context, request, row, found=found)
    await made.rollback()
    return shown.model_copy(update={"dry_run": True})


async def _shown(
    connection: AsyncConnection, context: Context, request: Request, row: Row[Any], *, found: list[rules.Consequence]
) -> ChangedContract:
    language = language_of(request)
    contract = await detailed(connection, row, durations=context.settings.durations, language=language)
    return ChangedContract(**dict(contract), consequences=told(found, language))


async def _send(
    context: Context, row: Row[Any], caller: Caller, changes: ContractChanges, *, version: int | None
) -> None:
    """Through the contract's procedure: shipments have to hear of it."""
    command = ChangeContract(command_id=Draw().opaque_id(), actor=caller.actor, changes=changes, version=version)
    identity = identity_of(row.tenant_id, row.contract_number, row.customer_id)
    try:
        await context.commands.send(identity, ContractWorkflow.change, command)
    except ProcedureGoneError:
        raise WrongState(state=row.status) from None


async def _changes(connection: AsyncConnection, row: Row[Any], body: ContractChange) -> ContractChanges:
    """What differs from what stands there.

    Raises:
        InvalidInput: a plan that neither the contract nor the catalogue has.
    """
    values = body.model_dump(mode="json", exclude_unset=True, exclude={"rate_plans", "dry_run"})
    changed = {name: value for name, value in values.items() if value != getattr(row, name)}
    plans = await _new_plans(connection, row, body) if "rate_plans" in body.model_fields_set else None
    return ContractChanges(values=changed, rate_plans=plans)


async def _new_plans(connection: AsyncConnection, row: Row[Any], body: ContractChange) -> tuple[ChosenPlan, ...] | None:
    """None: they are what they were."""
    before = [ChosenPlan.model_validate(plan, from_attributes=True) for plan in await rate_plan_rows(connection, row)]
    product = await find_product(connection, row.product_id)
    kept = {plan.rate_plan_id: plan for plan in before}
    plans = chosen_plans(body.rate_plans, product.rate_plans if product else [], kept)
    return None if list(plans) == before else plans


def _fact(row: Row[Any], caller: Caller, *, at: datetime, fields: list[str]) -> Fact:
    return Fact(
        tenant_id=row.tenant_id,
        at=at,
        actor=caller.actor,
        what="contract_changed",
        subject=row.contract_number,
        procedure_id=identity_of(row.tenant_id, row.contract_number, row.customer_id).procedure_id,
        detail={"fields": fields},
    )
