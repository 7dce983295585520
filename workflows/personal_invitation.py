"""An invitation to one address (APP-18): thirty days to answer it with one application, by a link of its own.

A resend gives a fresh link and fresh days; every older link is dead from then on. The application that answers it says
so in its own transaction and nudges this workflow. An expired invitation has ended; its resend begins this workflow
anew.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.personal_invitation import OPEN, PersonalInvitationActivities
from models.messages.personal_invitation_steps import (
    InvitationStart,
    NewInvitation,
    RecordInvitationEnd,
    RecordSending,
    Sent,
)
from models.messages.procedure import Answer, Command, Step, Upcoming
from models.refusals import WrongState
from models.vocabulary import InvitationState
from workflows.nudge import Nudged
from workflows.procedure import EndedByOperatorError, Procedure


@workflow.defn(name="PersonalInvitation")
class PersonalInvitation(Nudged, Procedure):
    @workflow.init
    def __init__(self, start: InvitationStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._state = InvitationState.SENT
        self._sent: Sent | None = None
        self._refusal: ApplicationError | None = None

    @workflow.run
    async def run(self, start: InvitationStart) -> InvitationState:
        await self.tell_story(self._story)
        return self._state

    async def _story(self) -> None:
        try:
            await self._send("send", self._start, self._start.new)
        except ApplicationError as refusal:
            self._refusal = refusal
            return
        while self._is_open():
            await self._wait()
            if self._is_open() and self.nudged:
                await self._look()
            elif self._has_expired():
                async with self.turn():
                    if self._has_expired():  # a fresh link may have been sent while it waited for its turn
                        await self._end(InvitationState.EXPIRED, step="expire", actor="system")
        self.stand(self._state, waiting_for="nothing")
        await self.give_up_refused_mails("system")

    async def _wait(self) -> None:
        sent = self._sent
        await self.wait_until(
            lambda: not self._is_open() or self.nudged or self._sent is not sent,
            sent.expires_at if sent else None,
            summary="The invitation expires",
        )

    # Commands.

    @workflow.update(description="The answer to whoever sent the invitation, once it is recorded.")
    async def sent(self) -> Sent:
        await workflow.wait_condition(lambda: self._sent is not None or self._refusal is not None)
        if self._sent is None:
            raise self._refusal or RuntimeError
        return self._sent

    @workflow.update(description="Send a fresh link, good for its full time from now.")
    async def resend(self, command: Command) -> Sent:
        async with self.turn():
            self._refuse_unless_open()
            sent = await self._send(f"resend-{command.command_id}", command)
            await self.give_up_refused_mails(command.actor)
        return sent

    @workflow.update(description="The person has begun to fill in the form: a mark for staff, which decides nothing.")
    async def note_opened(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless_open()
            if self._state is InvitationState.SENT:
                step = self._step(f"opened-{command.command_id}", command.actor)
                await self.record(PersonalInvitationActivities.record_invitation_opened, step)
                self._stand(InvitationState.OPENED)
        return Answer(fingerprint=command.fingerprint, state=self._state)

    @workflow.update(description="Staff take the invitation back: its link is dead at once.")
    async def withdraw(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless_open()
            await self._end(InvitationState.WITHDRAWN, step=f"withdraw-{command.command_id}", actor=command.actor)
            if self._state is not InvitationState.WITHDRAWN:
                raise refused(WrongState(state=self._state))
        return Answer(fingerprint=command.fingerprint, state=self._state)

    @sent.validator
    def _refuse_sent(self) -> None:
        # Whoever would begin it anew while it is ending comes again when it has ended.
        self._refuse_unless_open()

    @resend.validator
    def _refuse_resend(self, command: Command) -> None:
        self._refuse_at_once_unless_open()

    @note_opened.validator
    def _refuse_mark(self, command: Command) -> None:
        self._refuse_at_once_unless_open()

    @withdraw.validator
    def _refuse_withdrawal(self, command: Command) -> None:
        self._refuse_at_once_unless_open()

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await self._end(InvitationState.WITHDRAWN, step="end", actor=actor)

    async def _send(self, step: str, command: Command, new: NewInvitation | None = None) -> Sent:
        message = RecordSending(**self._step(step, command.actor).model_dump(), new=new)
        sent = await self.record(PersonalInvitationActivities.record_invitation_sending, message)
        self._sent = sent.model_copy(update={"fingerprint": command.fingerprint})
        self._stand(InvitationState.SENT)
        self.deliver_mails()
        return self._sent

    async def _look(self) -> None:
        """Whether an application has answered it."""
        self.nudged = False
        state = await self.record(PersonalInvitationActivities.find_invitation_state, self.identity)
        if state is InvitationState.APPLIED:
            async with self.turn():
                await self._end(InvitationState.APPLIED, step="applied", actor="applicant")

    async def _end(self, state: InvitationState, *, step: str, actor: str) -> None:
        message = RecordInvitationEnd(**self._step(step, actor).model_dump(), state=state)
        try:
            await self.record(PersonalInvitationActivities.record_invitation_end, message)
            self._state = state
        except EndedByOperatorError:
            raise
        except ApplicationError:
            # An application was faster; this only takes note of it.
            message = RecordInvitationEnd(
                **self._step("applied", "applicant").model_dump(), state=InvitationState.APPLIED
            )
            await self.record(PersonalInvitationActivities.record_invitation_end, message)
            self._state = InvitationState.APPLIED

    def _stand(self, state: InvitationState) -> None:
        self._state = state
        upcoming = [Upcoming(at=self._sent.expires_at, what="expire")] if self._sent else []
        self.stand(state, waiting_for="the invited person to apply by the mailed link", upcoming=upcoming)

    def _step(self, step: str, actor: str) -> Step:
        # The workflow id may run again (a resend after the expiry): its run id keeps the steps apart.
        unique = f"{step}-{workflow.info().run_id}"
        return Step(identity=self.identity, step=unique, at=workflow.now(), actor=actor)

    def _is_open(self) -> bool:
        return self._state in OPEN

    def _has_expired(self) -> bool:
        return self._is_open() and self._sent is not None and workflow.now() >= self._sent.expires_at

    def _refuse_at_once_unless_open(self) -> None:
        """Whoever comes while a step is being recorded is judged in turn."""
        if not self.is_moving:
            self._refuse_unless_open()

    def _refuse_unless_open(self) -> None:
        if not self._is_open():
            raise refused(WrongState(state=self._state))
