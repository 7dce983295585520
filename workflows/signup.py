"""The signup of a person, staff or portal user: seven days to register by the mailed link (TEN-02…06, USR-03…05).

A resend or another address gives a fresh link and fresh days; every older link is dead from then on. An expired signup
ends here; its resend begins this workflow anew under the same id.
"""

from dataclasses import dataclass, field
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.signup import SignupActivities
from models.messages.procedure import Answer, Command, Upcoming
from models.messages.signup_steps import (
    ChangeAddress,
    Closed,
    Opened,
    RecordOpening,
    RecordRegistration,
    RecordSignupReminder,
    Register,
    SignupStart,
    SignupStep,
)
from models.refusals import LinkExpired, LinkWithdrawn, WrongState
from models.vocabulary import SignupState
from workflows.procedure import EndedByOperatorError, Procedure

_OPEN = frozenset({SignupState.OPEN})
_LEAVES_MAILS = "registered-without-its-refused-mails"
_RESENDABLE = frozenset({SignupState.OPEN, SignupState.EXPIRED})


@dataclass
class State:
    state: SignupState = SignupState.OPEN
    opened: Opened | None = None
    refusal: ApplicationError | None = None
    reminders: list[datetime] = field(default_factory=list)


@workflow.defn(name="Signup")
class Signup(Procedure):
    @workflow.init
    def __init__(self, start: SignupStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now = State()

    @workflow.run
    async def run(self, start: SignupStart) -> SignupState:
        await self.tell_story(self._story)
        return self._now.state

    async def _story(self) -> None:
        try:
            await self._open(f"open-{self._start.command_id}", self._start.actor, start=self._start)
        except ApplicationError as refusal:
            self._now.refusal = refusal
            return
        while self._is_open():
            await self._wait_for_person()
            async with self.turn():
                if self._is_open():
                    await self._do_what_is_due()
            if self._now.state is SignupState.EXPIRED:
                # Until its last mails are out, a resend finds it here; later, one begins it anew.
                await workflow.wait_condition(lambda: self._is_open() or self.is_finished())

    async def _do_what_is_due(self) -> None:
        try:
            if workflow.now() >= self._opened.expires_at:
                await self._close(SignupState.EXPIRED, step="expire", actor="system")
            elif self._now.reminders and workflow.now() >= self._now.reminders[0]:
                await self._remind()
        except EndedByOperatorError:
            raise
        except ApplicationError:
            # There is no such user any more: the company has been deleted, and its people with it (CUS-05).
            await self._close(SignupState.DELETED, step="gone", actor="system")

    async def _wait_for_person(self) -> None:
        opened, reminders = self._opened, list(self._now.reminders)
        await self.wait_until(
            lambda: not self._is_open() or self._now.opened is not opened,
            reminders[0] if reminders else opened.expires_at,
            summary="Remind the person of the signup" if reminders else "The signup link expires",
        )

    # Commands.

    @workflow.update(description="The answer to whoever started the signup, once it is recorded.")
    async def opened(self) -> Opened:
        await workflow.wait_condition(lambda: self._now.opened is not None or self._now.refusal is not None)
        if self._now.opened is None:
            raise self._now.refusal or RuntimeError
        return self._now.opened

    @opened.validator
    def _refuse_opened(self) -> None:
        # Whoever would begin it anew while it is ending comes again when it has ended.
        if not self._is_open() or self._is_over():
            raise refused(WrongState(state=self._now.state))

    @workflow.update(description="Send a fresh link, good for its full time from now (TEN-04).")
    async def resend(self, command: Command) -> Opened:
        return await self._open_again(f"resend-{command.command_id}", command, _RESENDABLE)

    @workflow.update(description="Move the signup to another mail address (USR-04).")
    async def change_address(self, command: ChangeAddress) -> Opened:
        return await self._open_again(f"address-{command.command_id}", command, _OPEN, change=command)

    @workflow.update(description="The person registers, from the page behind the link.")
    async def register(self, command: Register) -> Closed:
        async with self.turn():
            self._judge_registration(command)
            self._now.state = SignupState.REGISTERED
            message = RecordRegistration(**self._step("register", command.actor).model_dump(), command=command)
            try:
                closed = await self.record(SignupActivities.record_signup_registration, message)
            except ApplicationError:
                self._now.state = SignupState.OPEN
                raise
            if workflow.patched(_LEAVES_MAILS):
                await self.give_up_refused_mails(command.actor)
        self.stand(SignupState.REGISTERED, waiting_for="nothing")
        return closed.model_copy(update={"fingerprint": command.fingerprint})

    @register.validator
    def _refuse_registration(self, command: Register) -> None:
        if not self.is_moving:  # whoever comes while a step is being recorded is judged in turn
            self._judge_registration(command)

    @workflow.update(description="The user is deleted: procedure and link end at once (USR-05).")
    async def delete(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless(_RESENDABLE)
            await self._close(SignupState.DELETED, step=f"delete-{command.command_id}", actor=command.actor)
            await self.give_up_refused_mails(command.actor)
        return Answer(fingerprint=command.fingerprint, state=self._now.state)

    @resend.validator
    def _refuse_resend(self, command: Command) -> None:
        self._refuse_at_once_unless(_RESENDABLE)

    @change_address.validator
    def _refuse_change(self, command: ChangeAddress) -> None:
        self._refuse_at_once_unless(_OPEN)

    @delete.validator
    def _refuse_deletion(self, command: Command) -> None:
        self._refuse_at_once_unless(_RESENDABLE)

    # Private steps.

    @property
    def _opened(self) -> Opened:
        if self._now.opened is None:
            raise refused(WrongState(state="starting"))
        return self._now.opened

    async def close_subject(self, actor: str) -> None:
        await self._close(SignupState.ENDED, step="end", actor=actor)

    async def _open_again(
        self, step: str, command: Command, allowed: frozenset[SignupState], *, change: ChangeAddress | None = None
    ) -> Opened:
        await self._story_goes_first()
        async with self.turn():
            self._refuse_unless(allowed)
            opened = await self._open(step, command.actor, change=change)
            await self.give_up_refused_mails(command.actor)
        return opened.model_copy(update={"fingerprint": command.fingerprint})

    async def _open(
        self, step: str, actor: str, *, start: SignupStart | None = None, change: ChangeAddress | None = None
    ) -> Opened:
        # What the start brought along is made once: whoever opens again brings nothing.
        nothing_new = self._start.model_copy(update={"new_tenant": None, "new_staff": None, "new_portal_user": None})
        message = RecordOpening(**self._step(step, actor).model_dump(), start=start or nothing_new, change=change)
        opened = await self.record(SignupActivities.record_signup_opening, message)
        self._now.state = SignupState.OPEN
        self._now.opened = opened
        self._now.reminders = [at for at in opened.reminders if at > workflow.now()]
        self._stand_open()
        self.deliver_mails()
        return opened

    async def _remind(self) -> None:
        due = self._now.reminders.pop(0)
        step = self._step(f"reminder-{due.isoformat()}", "system")
        message = RecordSignupReminder(**step.model_dump(), upcoming=tuple(self._upcoming()))
        await self.record(SignupActivities.record_signup_reminder, message)
        self._stand_open()
        self.deliver_mails()

    async def _close(self, state: SignupState, *, step: str, actor: str) -> None:
        self._now.state = state
        activity = {
            SignupState.EXPIRED: SignupActivities.record_signup_expiry,
            SignupState.DELETED: SignupActivities.record_signup_deletion,
            SignupState.ENDED: SignupActivities.record_signup_end,
        }[state]
        await self.record(activity, self._step(step, actor))
        self.stand(state, waiting_for="nothing")

    def _stand_open(self) -> None:
        waiting_for = "the person to register by the mailed link"
        self.stand(SignupState.OPEN, waiting_for=waiting_for, upcoming=self._upcoming())

    def _upcoming(self) -> list[Upcoming]:
        reminders = [Upcoming(at=at, what="remind_person") for at in self._now.reminders]
        return [*reminders, Upcoming(at=self._opened.expires_at, what="expire")]

    def _step(self, step: str, actor: str) -> SignupStep:
        # The workflow id may run again (a resend after the expiry): its run id keeps the steps apart.
        unique = f"{step}-{workflow.info().run_id}"
        return SignupStep(
            identity=self.identity, member=self._start.member, step=unique, at=workflow.now(), actor=actor
        )

    async def _story_goes_first(self) -> None:
        """The expiry is recorded before any command that wakes the procedure together with it.

        It may have been recorded before, and its worker died with the answer: the database knows of it already.
        """
        while self._is_over() and self._cut_short_by is None:
            await workflow.wait_condition(lambda: not self._is_over() or self._cut_short_by is not None)

    def _is_open(self) -> bool:
        return self._now.state is SignupState.OPEN

    def _is_over(self) -> bool:
        """The story is still to say so."""
        return self._is_open() and self._now.opened is not None and workflow.now() >= self._now.opened.expires_at

    def _judge_registration(self, command: Register) -> None:
        self._refuse_unless(_OPEN)
        if command.link_id != self._opened.link_id:
            raise refused(LinkWithdrawn())
        if workflow.now() >= self._opened.expires_at:
            raise refused(LinkExpired(state=SignupState.EXPIRED))

    def _refuse_at_once_unless(self, allowed: frozenset[SignupState]) -> None:
        """Whoever comes while a step is being recorded is judged in turn."""
        if not self.is_moving:
            self._refuse_unless(allowed)

    def _refuse_unless(self, allowed: frozenset[SignupState]) -> None:
        if self._now.state not in allowed or self._now.opened is None:
            raise refused(WrongState(state=self._now.state))


async def start_signup(beginner: Procedure, start: SignupStart) -> None:
    """Start it from another procedure, which it outlives."""
    await beginner.begin("Signup", start, start.identity, summary=f"Signup of {start.identity.subject}")
