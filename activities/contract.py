"""The contract's steps in the database, each one transaction."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import contract_calendar, returned_devices
from activities import contract_letters as letters
from activities.contract_changes import apply_changes
from activities.contract_letters import post
from activities.contract_rows import (
    NOT_CANCELLED,
    change_contract,
    contract_row,
    delivery_of,
    insert_contract,
    rate_plan_rows,
    shown,
    surroundings,
)
from activities.customer_status import expect_customer, follow_contracts
from activities.records import NothingHappenedError, Records, fact_of, second_fact_of
from models import account_charges, audit, procedures
from models.account_charges import Debit
from models.contract_cancellation import Moment, PlannedCancellation, plan_cancellation, plan_move, plan_undo
from models.contracts import PORTAL_CLOSES, coming, standing_of
from models.messages.contract_steps import (
    ContractRecorded,
    Delivery,
    RecordCancellation,
    RecordChange,
    RecordContractApplication,
    RecordDue,
    RecordMove,
)
from models.messages.procedure import Step
from models.persons import end_sessions_without_access
from models.procedures import Beginning, Standing
from models.refusals import PreconditionFailed
from models.rules.contract_decisions import refusal_of
from models.rules.periods import day_of
from models.tables.people import PortalUser
from models.vocabulary import ChargeKind, ContractCommand, ContractErrand, ContractStatus, ProcedureKind


class ContractActivities:
    """`fixed_fee`: whole yen that replace the formula of the cancellation fee, where set (CAN-02)."""

    def __init__(self, records: Records, fixed_fee: int | None = None) -> None:
        self._records = records
        self._fixed_fee = fixed_fee

    @activity.defn
    async def record_contract_application(self, message: RecordContractApplication) -> ContractRecorded:
        """The contract, its rate plans, and the mail that tells of it (CON-01, CON-09).

        Raises:
            NotFound: the customer is gone.
        """

        async def work(connection: AsyncConnection) -> ContractRecorded:
            identity, application = message.identity, message.application
            await expect_customer(connection, identity.tenant_id, application.customer_id)
            contract = await insert_contract(connection, message)
            await procedures.begin(
                connection,
                Beginning(
                    tenant_id=identity.tenant_id,
                    procedure_id=identity.procedure_id,
                    kind=ProcedureKind.CONTRACT,
                    subject=identity.subject,
                    customer_id=application.customer_id,
                    started_at=message.at,
                ),
                Standing(state=ContractStatus.ACTIVE),
            )
            await post(connection, message, lambda to: letters.applied(contract, to))
            recorded = await self._stand(connection, message, contract)
            errands = (ContractErrand.BEGIN_SHIPMENT,) if contract.shipping_required else ()
            return recorded.model_copy(update={"errands": errands})

        return await self._records.once(fact_of(message, "contract_applied"), ContractRecorded, work)

    @activity.defn
    async def record_cancellation(self, message: RecordCancellation) -> ContractRecorded:
        """The cancellation, its fee, and the mail that tells of it (CAN-01, CAN-02, CAN-09).

        Raises:
            Refusal: the contract is not open to it.
        """
        command = message.cancellation

        async def work(connection: AsyncConnection) -> ContractRecorded:
            contract, moment = await self._judged(connection, message)
            plans = await rate_plan_rows(connection, contract)
            planned = plan_cancellation(
                contract, plans, command.cancellation_date, charge_fee=command.charge_fee, moment=moment
            )
            contract = await change_contract(
                connection,
                contract,
                status=ContractStatus.CANCELLED,
                cancelled_at=message.at,
                stop_shipment=command.stop_shipment,
                **planned.columns,
            )
            await _charge_fee(connection, message, contract, planned)
            await post(connection, message, lambda to: letters.cancelled(contract, to))
            recorded = await self._stand(connection, message, contract)
            stops = command.stop_shipment and contract.shipping_required
            return recorded.model_copy(update={"errands": (ContractErrand.STOP_SHIPMENT,) if stops else ()})

        detail = {"cancellation_date": command.cancellation_date.isoformat(), "charge_fee": command.charge_fee}
        fact = replace(fact_of(message, "contract_cancelled"), detail=detail)
        return await self._records.once(fact, ContractRecorded, work)

    @activity.defn
    async def record_cancellation_move(self, message: RecordMove) -> ContractRecorded:
        """Another date, the fee that goes with it, and the mail that tells of it (CAN-06).

        Raises:
            Refusal: the contract is not open to it.
        """

        async def work(connection: AsyncConnection) -> ContractRecorded:
            contract, moment = await self._judged(connection, message)
            previous = contract.cancellation_date
            plans = await rate_plan_rows(connection, contract)
            planned = plan_move(contract, plans, message.cancellation_date, moment=moment)
            contract = await change_contract(connection, contract, done_until=message.at, **planned.columns)
            await _reverse_fee(connection, message)
            await _charge_fee(connection, message, contract, planned)
            await post(connection, message, lambda to: letters.moved(contract, previous, to))
            await contract_calendar.make_up(connection, message, contract, planned.notice)
            return await self._stand(connection, message, contract)

        detail = {"cancellation_date": message.cancellation_date.isoformat()}
        fact = replace(fact_of(message, "cancellation_moved"), detail=detail)
        return await self._records.once(fact, ContractRecorded, work)

    @activity.defn
    async def record_cancellation_undo(self, message: Step) -> ContractRecorded:
        """Active again with the terms it had; what fell due meanwhile is made up; the fee is reversed (UND-02).

        Raises:
            Refusal: the contract is not open to it.
        """

        async def work(connection: AsyncConnection) -> ContractRecorded:
            before, moment = await self._judged(connection, message)
            planned = plan_undo(before, moment=moment)
            contract = await change_contract(
                connection,
                before,
                status=ContractStatus.EXPIRED if planned.expires else ContractStatus.ACTIVE,
                ended_at=message.at if planned.expires else None,
                done_until=message.at,
                **NOT_CANCELLED,
            )
            for renewed in planned.renewals:
                contract = await contract_calendar.renew(connection, contract, renewed)
                await audit.record(connection, second_fact_of(message, "contract_renewed"))
            await _reverse_fee(connection, message)
            await post(connection, message, lambda to: letters.undone(contract, moment.today, to))
            await contract_calendar.make_up(connection, message, contract, planned.notice)
            recorded = await self._stand(connection, message, contract)
            back = await returned_devices.not_replaced(connection, contract.tenant_id, contract.contract_number)
            errands = () if planned.expires else _errands_of_undo(before, has_devices_here=bool(back))
            return recorded.model_copy(update={"errands": errands, "errands_day": before.cancellation_date})

        return await self._records.once(fact_of(message, "cancellation_undone"), ContractRecorded, work)

    @activity.defn
    async def record_contract_change(self, message: RecordChange) -> ContractRecorded:
        """A change that other procedures have to hear of: the destination of what is still to be shipped (CON-08).

        Raises:
            Refusal: the contract is not active, has been changed meanwhile, or has been shipped; its customer is gone.
        """

        async def work(connection: AsyncConnection) -> ContractRecorded:
            contract, moment = await self._judged(connection, message)
            refusal = refusal_of(ContractCommand.CHANGE, standing_of(contract, moment.around.zone), message.at)
            if refusal is not None:
                raise refusal
            if message.version not in (None, contract.version):
                raise PreconditionFailed
            await expect_customer(connection, contract.tenant_id, contract.customer_id)
            contract, nudged = await apply_changes(connection, contract, message.changes)
            recorded = await self._stand(connection, message, contract)
            return recorded.model_copy(update={"nudged": nudged, "mails": False})

        fact = replace(fact_of(message, "contract_changed"), detail={"fields": message.changes.names})
        return await self._records.once(fact, ContractRecorded, work)

    @activity.defn
    async def record_contract_due(self, message: RecordDue) -> ContractRecorded:
        """Everything that the calendar brings at one instant: start, renewal, notices, expiry, end, closings.

        Where the tenant's zone has been changed meanwhile, something else may be next, or nothing be due yet: then
        nothing has happened, and the procedure goes on by the calendar as it now is.
        """

        async def work(connection: AsyncConnection) -> ContractRecorded:
            contract = await _locked(connection, message)
            around = await surroundings(connection, contract, self._records.durations)
            due = [one for one in coming(contract, around) if one.at <= message.due_at]
            if not due or due[0].what != message.what:
                raise NothingHappenedError
            contract = await change_contract(connection, contract, done_until=message.due_at)
            for number, one in enumerate(due):
                contract = await contract_calendar.reach(connection, message, contract, one)
                if number:  # the first is what the step itself is called
                    await audit.record(connection, second_fact_of(message, contract_calendar.HAPPENED[one.what]))
            recorded = await self._stand(connection, message, contract)
            return recorded.model_copy(update=contract_calendar.left_by(contract, due))

        happened = contract_calendar.HAPPENED[message.what]
        try:
            recorded = await self._records.once(fact_of(message, happened), ContractRecorded, work)
        except NothingHappenedError:
            return await self._look_again(message)
        # By all that was due: the window for an undo may close at the same instant, and be what the step is called.
        if recorded.portal_closed or message.what == PORTAL_CLOSES:  # older code has recorded only the latter
            await self._let_out(message)
        return recorded

    @activity.defn
    async def record_contract_close(self, message: Step) -> ContractRecorded:
        """An operator ends the procedure: the contract ends with it, at once."""

        async def work(connection: AsyncConnection) -> ContractRecorded:
            contract = await _locked(connection, message)
            around = await surroundings(connection, contract, self._records.durations)
            ends = {} if contract.ended_at else _ended(contract, message, around.zone)
            contract = await change_contract(connection, contract, done_until=message.at, **ends)
            return await self._stand(connection, message, contract)

        return await self._records.once(fact_of(message, "contract_closed"), ContractRecorded, work)

    @activity.defn
    async def find_delivery(self, message: Step) -> Delivery:
        """What is to be shipped for the contract, and where to."""
        identity = message.identity
        async with self._records.database.transaction(identity.tenant_id) as connection:
            contract = await contract_row(connection, identity.tenant_id, identity.subject)
            return await delivery_of(connection, contract, message.at)

    # Private steps.

    async def _judged(self, connection: AsyncConnection, message: Step) -> tuple[Row[Any], Moment]:
        """The contract, locked, and what a command about it is judged by."""
        contract = await _locked(connection, message)
        around = await surroundings(connection, contract, self._records.durations)
        return contract, Moment(message.at, around, self._fixed_fee)

    async def _stand(self, connection: AsyncConnection, message: Step, contract: Row[Any]) -> ContractRecorded:
        """The customer follows, and the procedure is shown as it now stands."""
        durations = self._records.durations
        await follow_contracts(connection, message, contract.customer_id, durations)
        return await shown(connection, message, contract, durations)

    async def _look_again(self, message: Step) -> ContractRecorded:
        async with self._records.database.transaction(message.identity.tenant_id) as connection:
            return await self._stand(connection, message, await _locked(connection, message))

    async def _let_out(self, message: RecordDue) -> None:
        """Whoever has no other place to be signed in to, now that the portal is closed (CAN-05)."""
        tenant_id = message.identity.tenant_id
        async with self._records.database.transaction(tenant_id) as connection:
            found = await connection.execute(
                select(PortalUser.person_id).where(
                    PortalUser.tenant_id == tenant_id, PortalUser.customer_id == message.identity.customer_id
                )
            )
            people = [person_id for person_id in found.scalars() if person_id is not None]
        await end_sessions_without_access(self._records.database, people, at=message.at)


async def _locked(connection: AsyncConnection, message: Step) -> Row[Any]:
    return await contract_row(connection, message.identity.tenant_id, message.identity.subject, locked=True)


async def _charge_fee(
    connection: AsyncConnection, message: Step, contract: Row[Any], planned: PlannedCancellation
) -> None:
    if planned.fee is None or not planned.fee.amount:
        return
    debit = Debit(
        tenant_id=contract.tenant_id,
        customer_id=contract.customer_id,
        contract_number=contract.contract_number,
        kind=ChargeKind.CANCELLATION_FEE,
        cause=message.step,
        amount=planned.fee.amount,
        charged_at=message.at,
    )
    await account_charges.charge(connection, debit)


async def _reverse_fee(connection: AsyncConnection, message: Step) -> None:
    identity = message.identity
    await account_charges.reverse(
        connection, identity.tenant_id, identity.subject, kind=ChargeKind.CANCELLATION_FEE, at=message.at
    )


def _errands_of_undo(before: Row[Any], *, has_devices_here: bool) -> tuple[ContractErrand, ...]:
    """What had been set going by the cancellation, or by the contract's end; and devices that an undo had recalled.

    Of a contract that expires with its undo none of it is undone: the devices come back all the same.
    """
    errands = (ContractErrand.UNDO_RETURN_KITS,) if before.ended_at and before.includes_utm else ()
    was_stopped = before.shipping_required and (before.ended_at or before.stop_shipment)
    return (*errands, ContractErrand.BEGIN_SHIPMENT) if was_stopped or has_devices_here else errands


def _ended(contract: Row[Any], message: Step, zone: str) -> dict[str, Any]:
    day = contract.cancellation_date or day_of(message.at, zone)
    if contract.status == ContractStatus.EXPIRED:
        return {"ended_at": message.at}
    cancelled = {"cancellation_date": day, "cancelled_at": contract.cancelled_at or message.at}
    return {"ended_at": message.at, "status": ContractStatus.CANCELLED, **cancelled}
