"""Remote support of one UTM (RSA-01…07): asked for by the support desk, approved by the customer, begun by the device.

The device is told to start, up to three times, and answers with the session's id and password, which pass by this
workflow: the route that hears of them seals them into the session's row. The session runs until the desk or an
administrator ends it, its time is over, or the device says that it is. Then the device is told to stop. A session that
was begun at the device enters the story where the device answers.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.remote_support import RemoteSupportActivities
from models.approval_vocabulary import ApprovalState
from models.device_vocabulary import RemoteSupportEnd, RemoteSupportState
from models.messages.procedure import Answer, Command, Upcoming
from models.messages.remote_support_steps import (
    EndRemoteSupport,
    RecordRemoteSupport,
    RecordRemoteSupportEnd,
    RecordRemoteSupportReport,
    RecordRemoteSupportUndecided,
    RemoteSupportStanding,
    RemoteSupportStart,
    RemoteSupportStep,
    ReportRemoteSupport,
)
from models.refusals import WrongState
from workflows.approval import Approving

_OPEN = (RemoteSupportState.STARTING, RemoteSupportState.RUNNING)


@workflow.defn(name="RemoteSupport")
class RemoteSupport(Approving):
    @workflow.init
    def __init__(self, start: RemoteSupportStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now: RemoteSupportStanding | None = None
        self._refusal: ApplicationError | None = None
        self._dues = 0

    @workflow.run
    async def run(self, start: RemoteSupportStart) -> str:
        await self.tell_story(self._story)
        return self._state

    async def _story(self) -> None:
        if not await self._opened():
            return
        if self._now is not None and self._now.asked is not None:
            outcome = await self.approval(self._now.asked)
            if outcome is not ApprovalState.APPROVED:
                await self._close_undecided(RemoteSupportState(outcome))
                return
            async with self.turn():
                self._take(await self.record(RemoteSupportActivities.record_remote_support_start, self._step("start")))
        await self._run_its_course()

    async def _run_its_course(self) -> None:
        """The attempts to start it, the session, and the attempts to stop it: whatever is due next, or is reported."""
        while self._now is not None and self._now.due_at is not None:
            standing = self._now
            await self.wait_until(lambda: self._now is not standing, standing.due_at, summary=_DUE[standing.state][1])  # noqa: B023 - awaited before the loop goes on
            async with self.turn():
                if self._now is standing:
                    await self._do_what_is_due()

    # Commands.

    @workflow.update(description="The answer to whoever asked for it, once it is recorded.")
    async def opened(self) -> RemoteSupportStanding:
        await workflow.wait_condition(lambda: self._now is not None or self._refusal is not None)
        if self._now is None:
            raise self._refusal or RuntimeError
        return self._now.model_copy(update={"fingerprint": self._start.fingerprint})

    @workflow.update(description="The support desk takes its request back before it is decided (APR-06).")
    async def withdraw(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless(self._state is RemoteSupportState.AWAITING_APPROVAL)
            await self.withdraw_approval(command, by_requester=True)
        return Answer(fingerprint=command.fingerprint, state=RemoteSupportState.WITHDRAWN)

    @workflow.update(description="The device says how far it is with what it was told (RSA-03, RSA-04).")
    async def report(self, command: ReportRemoteSupport) -> RemoteSupportStanding:
        await self._story_goes_first()
        async with self.turn():
            step = self._step(f"report-{command.command_id}", actor=command.actor).model_dump()
            message = RecordRemoteSupportReport(**step, command_id=command.device_command_id, state=command.state)
            return self._take(await self.record(RemoteSupportActivities.record_remote_support_report, message))

    @workflow.update(description="The desk, an administrator or the device ends the session (RSA-05).")
    async def end(self, command: EndRemoteSupport) -> RemoteSupportStanding:
        await self._story_goes_first()
        async with self.turn():
            if self._state is RemoteSupportState.AWAITING_APPROVAL and command.by is RemoteSupportEnd.DEVICE_DELETED:
                await self.withdraw_approval(command, by_requester=False)
                return RemoteSupportStanding(fingerprint=command.fingerprint, state=RemoteSupportState.WITHDRAWN)
            self._refuse_unless(self._state in _OPEN)
            step = self._step(f"end-{command.command_id}", actor=command.actor)
            standing = await self._end(step, command.by, client=command.client)
            return standing.model_copy(update={"fingerprint": command.fingerprint})

    @report.validator
    def _take_report(self, command: ReportRemoteSupport) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    @end.validator
    def _take_end(self, command: EndRemoteSupport) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    @withdraw.validator
    def _refuse_withdrawal(self, command: Command) -> None:
        if not self.is_moving:  # whoever comes while a step is being recorded is judged in turn
            self._refuse_unless(self._state is RemoteSupportState.AWAITING_APPROVAL)

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await super().close_subject(actor)
        await self._end(self._step("end", actor=actor), RemoteSupportEnd.OPERATOR)

    async def _opened(self) -> bool:
        step = self._step("request", actor=self._start.actor)
        message = RecordRemoteSupport(**step.model_dump(), start=self._start)
        try:
            self._take(await self.record(RemoteSupportActivities.record_remote_support, message))
        except ApplicationError as refusal:
            self._refusal = refusal
            return False
        return True

    async def _story_goes_first(self) -> None:
        """What the story has to do by now it does before any command, also when both wake it at once.

        It may have done it before, and its worker died with the answer: the device has its order, and says so, before
        the story knows of it. And whichever of both went first has to go first in a replay.
        """
        while self._is_story_at_work() and self._cut_short_by is None:
            await workflow.wait_condition(lambda: not self._is_story_at_work() or self._cut_short_by is not None)

    def _is_story_at_work(self) -> bool:
        if self._now is None:
            return False
        if self._state is RemoteSupportState.AWAITING_APPROVAL:
            return self._approval is ApprovalState.APPROVED
        return self._now.due_at is not None and workflow.now() >= self._now.due_at

    async def _close_undecided(self, state: RemoteSupportState) -> None:
        message = RecordRemoteSupportUndecided(**self._step(f"close-{state}").model_dump(), state=state)
        async with self.turn():
            self._take(await self.record(RemoteSupportActivities.record_remote_support_undecided, message))

    async def _do_what_is_due(self) -> None:
        self._dues += 1
        step = self._step(f"due-{self._dues}")
        if self._state is RemoteSupportState.RUNNING:
            await self._end(step, RemoteSupportEnd.DURATION)
        else:
            self._take(await self.record(RemoteSupportActivities.record_remote_support_unanswered, step))

    async def _end(
        self, step: RemoteSupportStep, by: RemoteSupportEnd, *, client: str | None = None
    ) -> RemoteSupportStanding:
        message = RecordRemoteSupportEnd(**step.model_dump(), by=by, client=client)
        return self._take(await self.record(RemoteSupportActivities.record_remote_support_end, message))

    def _take(self, standing: RemoteSupportStanding) -> RemoteSupportStanding:
        self._now = standing
        what, _ = _DUE.get(standing.state, ("", ""))
        upcoming = [Upcoming(at=standing.due_at, what=what)] if standing.due_at else []
        self.stand(standing.state, waiting_for=_WAITING_FOR.get(standing.state, "nothing"), upcoming=upcoming)
        if standing.mails:
            self.deliver_mails()
        return standing

    @property
    def _state(self) -> RemoteSupportState:
        return self._now.state if self._now else RemoteSupportState.AWAITING_APPROVAL

    def _refuse_unless(self, allowed: bool) -> None:  # noqa: FBT001 - reads as a sentence
        if not allowed:
            raise refused(WrongState(state=self._state))

    def _step(self, step: str, *, actor: str = "system") -> RemoteSupportStep:
        return RemoteSupportStep(
            identity=self.identity,
            step=step,
            at=workflow.now(),
            actor=actor,
            registration_id=self._start.registration_id,
        )


# What is due in that state: as its code, and in words for the timer.
_DUE = {
    RemoteSupportState.STARTING: ("give_up_remote_support_attempt", "The device has not answered"),
    RemoteSupportState.RUNNING: ("remote_support_ends", "The session's time is over"),
    RemoteSupportState.ENDED: ("give_up_remote_support_stop", "The device has not said that it stopped"),
}
_WAITING_FOR = {
    RemoteSupportState.AWAITING_APPROVAL: "the administrators to decide by their links",
    RemoteSupportState.STARTING: "the device to start the session",
    RemoteSupportState.RUNNING: "the session's end",
    RemoteSupportState.ENDED: "the device to say that it stopped",
}
