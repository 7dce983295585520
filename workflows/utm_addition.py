"""The UTM addition application: a portal user asks for more UTMs, staff approve or deny (ADD-01…06).

As long as staff do neither, they are reminded. What an approval leads to, a contract or a device at the address given,
is theirs to begin.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.utm_addition import UtmAdditionActivities
from models.messages.procedure import Answer, Command, Step, Upcoming
from models.messages.utm_addition_steps import (
    AdditionRecorded,
    AdditionSubmission,
    DecideAddition,
    RecordAddition,
    RecordAdditionDecision,
    RecordAdditionReminder,
)
from models.refusals import WrongState
from models.rules.reminders import reminders_after
from models.vocabulary import AdditionDecision, AdditionState
from workflows.procedure import EndedByOperatorError, Procedure

_OUTCOMES = {AdditionDecision.APPROVE: AdditionState.APPROVED, AdditionDecision.DENY: AdditionState.DENIED}


@dataclass
class State:
    state: AdditionState | None = None
    """None until the application is recorded."""
    submitted: AdditionRecorded | None = None
    refusal: ApplicationError | None = None
    reminders: list[datetime] = field(default_factory=list)
    remind_every: timedelta = timedelta(0)
    reminders_sent: int = 0


@workflow.defn(name="UtmAddition")
class UtmAddition(Procedure):
    @workflow.init
    def __init__(self, submission: AdditionSubmission) -> None:
        super().__init__(submission.identity)
        self._submission = submission
        self._now = State()

    @workflow.run
    async def run(self, submission: AdditionSubmission) -> AdditionState | None:
        await self.tell_story(self._story)
        return self._now.state

    async def _story(self) -> None:
        await self._submit()
        while self._is_open():
            await self.wait_until(self._is_closed, self._now.reminders[0], summary="Remind staff of the UTM addition")
            async with self.turn():
                if self._is_open():  # a decision in time that was being recorded when the reminder fell due counts
                    await self._remind()

    # Commands.

    @workflow.update(description="The answer to the portal user's request, once it is recorded.")
    async def submitted(self) -> AdditionRecorded:
        await workflow.wait_condition(lambda: self._now.submitted is not None or self._now.refusal is not None)
        if self._now.submitted is None:
            raise self._now.refusal or RuntimeError
        return self._now.submitted

    @workflow.update(description="Staff approve or deny (ADD-03, ADD-06).")
    async def decide(self, command: DecideAddition) -> Answer:
        async with self.turn():
            self._refuse_unless_open()
            state = _OUTCOMES[command.decision]
            step = self._step(f"decide-{command.command_id}", command.actor)
            message = RecordAdditionDecision(**step.model_dump(), state=state)
            await self.record(UtmAdditionActivities.record_addition_decision, message)
            self._now.state = state
            self.stand(state, waiting_for="its last mails to be delivered")
        self.deliver_mails()
        return Answer(fingerprint=command.fingerprint, state=state)

    @workflow.update(description="The company is being deleted, and its application with it (CUS-05).")
    async def end(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless_open()
            await self._end(step=f"end-{command.command_id}", actor=command.actor)
        return Answer(fingerprint=command.fingerprint, state=AdditionState.ENDED)

    @decide.validator
    def _refuse_decision(self, command: DecideAddition) -> None:
        self._refuse_at_once_unless_open()

    @end.validator
    def _refuse_end(self, command: Command) -> None:
        self._refuse_at_once_unless_open()

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await self._end(step="end", actor=actor)

    async def _submit(self) -> None:
        step = self._step("submit", self._submission.actor)
        message = RecordAddition(**step.model_dump(), submission=self._submission)
        try:
            submitted = await self.record(UtmAdditionActivities.record_addition, message)
        except ApplicationError as refusal:
            self._now.refusal = refusal
            return
        self._now.submitted, self._now.state = submitted, AdditionState.UNAPPROVED
        self._now.reminders = list(submitted.reminders)
        self._now.remind_every = timedelta(seconds=submitted.remind_every_seconds)
        self._stand_undecided()
        self.deliver_mails()

    async def _remind(self) -> None:
        self._now.reminders_sent += 1
        self._now.reminders = reminders_after(self._now.reminders, self._now.remind_every, workflow.now())
        step = self._step(f"reminder-{self._now.reminders_sent}", "system")
        message = RecordAdditionReminder(**step.model_dump(), upcoming=self._next_reminder())
        try:
            await self.record(UtmAdditionActivities.record_addition_reminder, message)
        except EndedByOperatorError:
            raise
        except ApplicationError:
            # The company was deleted while nobody could tell this procedure.
            await self._end(step="gone", actor="system")
            return
        self._stand_undecided()
        self.deliver_mails()

    async def _end(self, *, step: str, actor: str) -> None:
        await self.record(UtmAdditionActivities.record_addition_end, self._step(step, actor))
        self._now.state = AdditionState.ENDED
        self.stand(AdditionState.ENDED, waiting_for="nothing")

    def _stand_undecided(self) -> None:
        upcoming = [self._next_reminder()]
        self.stand(AdditionState.UNAPPROVED, waiting_for="staff to approve or deny", upcoming=upcoming)

    def _next_reminder(self) -> Upcoming:
        return Upcoming(at=self._now.reminders[0], what="remind_staff")

    def _step(self, step: str, actor: str) -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)

    def _is_open(self) -> bool:
        return self._now.state is AdditionState.UNAPPROVED

    def _is_closed(self) -> bool:
        return not self.is_moving and not self._is_open()

    def _refuse_at_once_unless_open(self) -> None:
        """Whoever comes while a step is being recorded is judged in turn."""
        if not self.is_moving:
            self._refuse_unless_open()

    def _refuse_unless_open(self) -> None:
        if not self._is_open():
            raise refused(WrongState(state=self._now.state or "starting"))
