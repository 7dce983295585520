"""A contract, from its application to the end of all that follows from it: one workflow as long as the contract lives.

It goes by its calendar: the start, renewals and their notices (CON-04, CON-05), the expiry, or the end that a
cancellation brings. Staff cancel it, move the date, and undo the cancellation as long as the window is open (CAN-01,
CAN-06, UND-01). After the end it waits for the window and the customer's portal to close. At a renewal it continues as
new, so that its history stays short however old the contract gets.
"""

from dataclasses import dataclass, field

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.contract import ContractActivities
from activities.outcomes import refused
from models.messages.contract_steps import (
    CancelContract,
    ChangeContract,
    ContractRecorded,
    ContractStart,
    MoveCancellation,
    RecordCancellation,
    RecordChange,
    RecordContractApplication,
    RecordDue,
    RecordMove,
    Resumed,
)
from models.messages.procedure import Command, Nudges, Step
from models.refusals import WrongState
from models.rules.contract_decisions import Standing, refusal_of
from models.vocabulary import ContractCommand
from workflows.contract_errands import Errand, run_errand
from workflows.procedure import Procedure

_LONG_HISTORY = 300
"""Events, after which a run is long enough: a decade's commands may fall into one term."""
_ANSWERS_KEPT = 50
"""Of the newest commands, over every run. Who repeats one after fifty others is told how the contract stands."""


@dataclass
class State:
    recorded: ContractRecorded | None = None
    refusal: ApplicationError | None = None
    answered: dict[str, ContractRecorded] = field(default_factory=dict)
    errands: list[Errand | Nudges] = field(default_factory=list)
    renewed: bool = False
    """In this run: its story can go on in a new one."""


@workflow.defn(name="Contract")
class Contract(Procedure):
    @workflow.init
    def __init__(self, start: ContractStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now = State()
        if start.resumed is not None:
            self._now.recorded = start.resumed.recorded
            self._now.answered = dict(start.resumed.answered)

    @workflow.run
    async def run(self, start: ContractStart) -> str:
        await self.tell_story(self._story)
        return self._now.recorded.state if self._now.recorded else "refused"

    async def _story(self) -> None:
        if self._now.recorded is None and not await self._apply():
            return
        self._stand()
        while self._now.errands or self._recorded.upcoming:
            if self._now.errands:
                await run_errand(self, self._now.errands[0])
                self._now.errands.pop(0)
            else:
                if self._can_continue_as_new():
                    self._continue_as_new()
                await self._go_on()

    async def _apply(self) -> bool:
        application = self._start.application
        if application is None:
            raise RuntimeError
        step = self._step(f"apply-{self._start.command_id}", self._start.actor)
        message = RecordContractApplication(
            **step.model_dump(), application=application, command_id=self._start.command_id
        )
        try:
            recorded = await self.record(ContractActivities.record_contract_application, message)
        except ApplicationError as refusal:
            self._now.refusal = refusal
            return False
        self._take(recorded, step)
        return True

    async def _go_on(self) -> None:
        """Wait for the next instant of the calendar, and do what it brings; or for a command that changes it."""
        recorded, due = self._recorded, self._recorded.upcoming[0]
        await self.wait_until(
            lambda: self._recorded is not recorded or bool(self._now.errands) or self._can_continue_as_new(),
            due.at,
            summary=due.what.replace("_", " ").capitalize(),
        )
        async with self.turn():
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Do what the calendar has brought by now."""
        while (upcoming := self._recorded.upcoming) and workflow.now() >= upcoming[0].at:
            due = upcoming[0]
            step = self._step(f"{due.what}-{due.at.isoformat()}", "system")
            message = RecordDue(**step.model_dump(), due_at=due.at, what=due.what)
            self._take(await self.record(ContractActivities.record_contract_due, message), step)

    # Commands.

    @workflow.update(description="The answer to whoever applied for the contract, once it is recorded.")
    async def applied(self) -> ContractRecorded:
        await workflow.wait_condition(lambda: self._now.recorded is not None or self._now.refusal is not None)
        if self._now.recorded is None:
            raise self._now.refusal or RuntimeError
        return self._now.recorded.model_copy(update={"fingerprint": self._start.fingerprint})

    @workflow.update(description="Cancel the contract for a date, with or without a fee (CAN-01).")
    async def cancel(self, command: CancelContract) -> ContractRecorded:
        async with self.turn():
            return await self._do(ContractCommand.CANCEL, command)

    @workflow.update(description="Move the date of the cancellation, until the contract has ended (CAN-06).")
    async def reschedule(self, command: MoveCancellation) -> ContractRecorded:
        async with self.turn():
            return await self._do(ContractCommand.RESCHEDULE, command)

    @workflow.update(description="Undo the cancellation, while its window is open (UND-01).")
    async def undo(self, command: Command) -> ContractRecorded:
        async with self.turn():
            return await self._do(ContractCommand.UNDO, command)

    @workflow.update(
        description="Change what shipments have to hear of: the destination, until it is shipped (CON-08)."
    )
    async def change(self, command: ChangeContract) -> ContractRecorded:
        async with self.turn():
            return await self._do(ContractCommand.CHANGE, command)

    @change.validator
    def _refuse_change(self, command: ChangeContract) -> None:
        self._refuse_at_once(ContractCommand.CHANGE, command)

    @cancel.validator
    def _refuse_cancellation(self, command: CancelContract) -> None:
        self._refuse_at_once(ContractCommand.CANCEL, command)

    @reschedule.validator
    def _refuse_move(self, command: MoveCancellation) -> None:
        self._refuse_at_once(ContractCommand.RESCHEDULE, command)

    @undo.validator
    def _refuse_undo(self, command: Command) -> None:
        self._refuse_at_once(ContractCommand.UNDO, command)

    # Private steps.

    @property
    def _recorded(self) -> ContractRecorded:
        if self._now.recorded is None:
            raise refused(WrongState(state="starting"))
        return self._now.recorded

    async def close_subject(self, actor: str) -> None:
        await self.record(ContractActivities.record_contract_close, self._step("end", actor))

    async def _do(self, what: ContractCommand, command: Command) -> ContractRecorded:
        """Record it, once: a repetition in a later run gets the answer that the first one had (GEN-03)."""
        if command.command_id not in self._now.answered:
            await self._catch_up()
            self._refuse_unless_open(what, command)  # whoever waited is judged by what has become of it meanwhile
            step = self._step(f"{what}-{command.command_id}", command.actor)
            recorded = await self._record(command, step)
            if recorded.at == step.at:  # else it is the answer that a forgotten command had long ago
                self._take(recorded, step)
            self._now.answered[command.command_id] = recorded.model_copy(update={"fingerprint": command.fingerprint})
            self._now.answered = dict(list(self._now.answered.items())[-_ANSWERS_KEPT:])
        return self._now.answered[command.command_id]

    async def _record(self, command: Command, step: Step) -> ContractRecorded:
        match command:
            case CancelContract():
                message = RecordCancellation(**step.model_dump(), cancellation=command)
                return await self.record(ContractActivities.record_cancellation, message)
            case MoveCancellation():
                move = RecordMove(**step.model_dump(), cancellation_date=command.cancellation_date)
                return await self.record(ContractActivities.record_cancellation_move, move)
            case ChangeContract():
                change = RecordChange(**step.model_dump(), changes=command.changes, version=command.version)
                return await self.record(ContractActivities.record_contract_change, change)
        return await self.record(ContractActivities.record_cancellation_undo, step)

    def _take(self, recorded: ContractRecorded, step: Step) -> None:
        """The contract stands differently from now on."""
        self._now.errands += [
            Errand(kind, step, recorded.product_name, recorded.errands_day) for kind in recorded.errands
        ]
        if recorded.nudged:
            self._now.errands.append(Nudges(procedure_ids=recorded.nudged))
        self._now.renewed = self._now.renewed or recorded.renewed
        self._now.recorded = recorded
        self._stand()
        if recorded.mails:
            self.deliver_mails()

    def _can_continue_as_new(self) -> bool:
        """A term has begun, or much has happened, and nothing is under way.

        Mails that wait, and operators asked, belong to this run.
        """
        is_long = workflow.info().get_current_history_length() > _LONG_HISTORY
        return (self._now.renewed or is_long) and not self._now.errands and not self.is_moving and self.is_finished()

    def _continue_as_new(self) -> None:
        resumed = Resumed(recorded=self._recorded, answered=self._now.answered)
        workflow.continue_as_new(self._start.model_copy(update={"application": None, "resumed": resumed}))

    def _stand(self) -> None:
        recorded = self._recorded
        waiting_for = "the calendar, or staff" if recorded.upcoming else "nothing"
        self.stand(recorded.state, waiting_for=waiting_for, upcoming=list(recorded.upcoming))

    def _refuse_at_once(self, what: ContractCommand, command: Command) -> None:
        """Whoever comes while a step is being recorded is judged in turn."""
        if not self.is_moving:
            self._refuse_unless_open(what, command)

    def _refuse_unless_open(self, what: ContractCommand, command: Command) -> None:
        if command.command_id in self._now.answered:
            return
        recorded = self._recorded
        standing = Standing(
            status=recorded.status,
            zone=recorded.time_zone,
            includes_utm=recorded.includes_utm,
            cancellation_date=recorded.cancellation_date,
        )
        refusal = refusal_of(what, standing, workflow.now())
        if refusal is not None:
            raise refused(refusal)

    def _step(self, step: str, actor: str) -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)
