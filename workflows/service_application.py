"""The service application: from the applicant's form to the tenant's decision (APP-01…15).

The applicant confirms within 24 hours, or it lapses. Then staff approve, deny, or put it on hold; as long as they do
not, they are reminded. An approval makes the customer and starts the signup of each of its people.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.service_application import ServiceApplicationActivities
from models.messages.application_steps import (
    Decide,
    RecordDecision,
    Recorded,
    RecordReminder,
    RecordSubmission,
    Submission,
    Submitted,
)
from models.messages.procedure import Answer, Command, Identity, Step, Upcoming
from models.messages.signup_steps import SignupStart
from models.refusals import LinkExpired, WrongState
from models.rules.application_decisions import OUTCOMES, decision_is_open
from models.rules.reminders import reminders_after
from models.vocabulary import ApplicationState, Decision, MemberKind, ProcedureKind
from workflows.nudge import nudge
from workflows.procedure import Procedure
from workflows.signup import start_signup


@dataclass
class State:
    state: ApplicationState = ApplicationState.AWAITING_CONFIRMATION
    submitted: Submitted | None = None
    refusal: ApplicationError | None = None
    reminders: list[datetime] = field(default_factory=list)
    remind_every: timedelta = timedelta(0)
    reminders_sent: int = 0
    outcome: Recorded | None = None


@workflow.defn(name="ServiceApplication")
class ServiceApplication(Procedure):
    @workflow.init
    def __init__(self, submission: Submission) -> None:
        super().__init__(submission.identity)
        self._submission = submission
        self._now = State()

    @workflow.run
    async def run(self, submission: Submission) -> ApplicationState:
        await self.tell_story(self._story)
        return self._now.state

    async def _story(self) -> None:
        if not await self._submit():
            return
        if self._submission.invitation_id is not None:
            invited = ProcedureKind.PERSONAL_INVITATION, self.identity.tenant_id, self._submission.invitation_id
            await nudge(Identity.of(*invited))
        if not await self._confirmed_in_time():
            await self._close(ApplicationState.LAPSED, step="lapse", actor="system")
            return
        await self._decided()
        if self._now.outcome is not None:
            await self._start_signups(self._now.outcome)

    # Commands.

    @workflow.update(description="The answer to the applicant's form, once it is recorded.")
    async def submitted(self) -> Submitted:
        await workflow.wait_condition(lambda: self._now.submitted is not None or self._now.refusal is not None)
        if self._now.submitted is None:
            raise self._now.refusal or RuntimeError
        return self._now.submitted

    @workflow.update(description="The applicant presses the button behind the confirmation link (APP-08).")
    async def confirm(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless(self._now.state is ApplicationState.AWAITING_CONFIRMATION)
            recorded = await self.record(
                ServiceApplicationActivities.record_confirmation, self._step("confirm", command.actor)
            )
            self._stand_undecided(ApplicationState.UNAPPROVED, recorded)
        self.deliver_mails()
        return Answer(fingerprint=command.fingerprint, state=self._now.state)

    @confirm.validator
    def _refuse_confirmation(self, command: Command) -> None:
        self._refuse_at_once_unless(self._now.state is ApplicationState.AWAITING_CONFIRMATION)
        if self._now.submitted is None or workflow.now() >= self._now.submitted.confirm_by:
            raise refused(LinkExpired(state=ApplicationState.LAPSED))

    @workflow.update(description="The applicant takes the application back before it is decided.")
    async def withdraw(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless(self._is_withdrawable())
            await self._close(ApplicationState.WITHDRAWN, step=f"withdraw-{command.command_id}", actor=command.actor)
        return Answer(fingerprint=command.fingerprint, state=self._now.state)

    @withdraw.validator
    def _refuse_withdrawal(self, command: Command) -> None:
        self._refuse_at_once_unless(self._is_withdrawable())

    @workflow.update(description="Staff approve, deny, or put on hold, with memos (APP-11, APP-14).")
    async def decide(self, command: Decide) -> Recorded:
        async with self.turn():
            self._refuse_unless(decision_is_open(self._now.state, command.decision))
            recorded = await self._record_decision(command)
        self.deliver_mails()
        return recorded.model_copy(update={"fingerprint": command.fingerprint})

    @decide.validator
    def _refuse_decision(self, command: Decide) -> None:
        self._refuse_at_once_unless(decision_is_open(self._now.state, command.decision))

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await self._close(ApplicationState.ENDED, step="end", actor=actor)

    async def _submit(self) -> bool:
        message = RecordSubmission(
            identity=self.identity,
            step="submit",
            at=workflow.now(),
            actor=self._submission.actor,
            submission=self._submission,
        )
        try:
            submitted = await self.record(ServiceApplicationActivities.record_submission, message)
        except ApplicationError as refusal:
            self._now.refusal = refusal
            return False
        self._now.submitted = submitted
        self.stand(
            submitted.state,
            waiting_for="the applicant to press the link of the confirmation mail",
            upcoming=[Upcoming(at=submitted.confirm_by, what="lapse")],
        )
        self.deliver_mails()
        return True

    async def _confirmed_in_time(self) -> bool:
        deadline = self._now.submitted.confirm_by if self._now.submitted else None
        await self.wait_until(self._has_moved_on, deadline, summary="The application lapses unless confirmed")
        return self._now.state is not ApplicationState.AWAITING_CONFIRMATION

    async def _decided(self) -> None:
        while decision_is_open(self._now.state) or self.is_moving:
            # Read before waiting: a hold replaces the reminders, and then the wait begins anew.
            reminder = self._now.reminders[0] if self._now.reminders else None
            if not await self._changed(reminder):
                async with self.turn():
                    if decision_is_open(self._now.state) and self._now.reminders[:1] == [reminder]:
                        await self._remind()

    async def _changed(self, reminder: datetime | None) -> bool:
        """Wait for a decision or a hold; False when the reminder is due first."""
        return await self.wait_until(
            lambda: self._is_closed() or self._now.reminders[:1] != [reminder],
            reminder,
            summary="Remind staff of the application",
        )

    def _has_moved_on(self) -> bool:
        return not self.is_moving and self._now.state is not ApplicationState.AWAITING_CONFIRMATION

    def _is_withdrawable(self) -> bool:
        state = self._now.state
        return self._now.submitted is not None and (
            state is ApplicationState.AWAITING_CONFIRMATION or decision_is_open(state)
        )

    def _is_closed(self) -> bool:
        return not self.is_moving and not decision_is_open(self._now.state)

    async def _record_decision(self, command: Decide) -> Recorded:
        state = OUTCOMES[command.decision]
        before, self._now.state = self._now.state, state
        message = self._decision(state, step=f"decide-{command.command_id}", actor=command.actor, command=command)
        activity = (
            ServiceApplicationActivities.record_hold
            if command.decision is Decision.HOLD
            else ServiceApplicationActivities.record_decision
        )
        try:
            recorded = await self.record(activity, message)
        except ApplicationError:
            self._now.state = before
            raise
        if command.decision is Decision.HOLD:
            self._stand_undecided(state, recorded)
        else:
            self._now.outcome = recorded
            self.stand(state, waiting_for="its last mails to be delivered")
        return recorded

    async def _close(self, state: ApplicationState, *, step: str, actor: str) -> None:
        before, self._now.state = self._now.state, state
        try:
            await self.record(
                ServiceApplicationActivities.record_application_close, self._decision(state, step=step, actor=actor)
            )
        except ApplicationError:
            self._now.state = before
            raise
        self.stand(state, waiting_for="nothing")

    async def _remind(self) -> None:
        self._now.reminders_sent += 1
        self._now.reminders = reminders_after(self._now.reminders, self._now.remind_every, workflow.now())
        upcoming = (Upcoming(at=self._now.reminders[0], what="remind_staff"),)
        step = self._step(f"reminder-{self._now.reminders_sent}", "system")
        await self.record(
            ServiceApplicationActivities.record_application_reminder,
            RecordReminder(**step.model_dump(), upcoming=upcoming),
        )
        self.stand(self._now.state, waiting_for="staff to approve, deny or hold", upcoming=list(upcoming))
        self.deliver_mails()

    async def _start_signups(self, outcome: Recorded) -> None:
        await asyncio.gather(
            *(
                start_signup(
                    self,
                    SignupStart(
                        identity=Identity.of(
                            ProcedureKind.SIGNUP, self.identity.tenant_id, user_id, outcome.customer_id
                        ),
                        member=MemberKind.PORTAL_USER,
                        command_id=self.identity.procedure_id,
                        actor=outcome.by or "system",
                    ),
                )
                for user_id in outcome.user_ids
            )
        )

    def _stand_undecided(self, state: ApplicationState, recorded: Recorded) -> None:
        self._now.state = state
        self._now.reminders = list(recorded.reminders)
        self._now.remind_every = timedelta(seconds=recorded.remind_every_seconds)
        self.stand(
            state,
            waiting_for="staff to approve, deny or hold",
            upcoming=[Upcoming(at=self._now.reminders[0], what="remind_staff")],
        )

    def _step(self, step: str, actor: str) -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)

    def _decision(
        self, state: ApplicationState, *, step: str, actor: str, command: Decide | None = None
    ) -> RecordDecision:
        command = command or Decide(command_id=step, actor=actor, decision=Decision.DENY)
        return RecordDecision(**self._step(step, actor).model_dump(), command=command, state=state)

    def _refuse_at_once_unless(self, allowed: bool) -> None:  # noqa: FBT001 - reads as a sentence
        """Whoever comes while a step is being recorded is judged in turn."""
        self._refuse_unless(allowed or self.is_moving)

    def _refuse_unless(self, allowed: bool) -> None:  # noqa: FBT001 - reads as a sentence
        if not allowed:
            raise refused(WrongState(state=self._now.state))
