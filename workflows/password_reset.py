"""The reset of a forgotten password: by a mailed link or an SMS code, each good for one use within the hour (AUT-04).

For an address that has no account the workflow is started all the same, so that both take alike, and ends at once.
"""

from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.password_reset import PasswordResetActivities
from models.messages.password_reset_steps import (
    CompleteReset,
    RecordResetClose,
    RecordResetCompletion,
    RecordResetRequest,
    ResetStart,
)
from models.messages.procedure import Answer, Step, Upcoming
from models.refusals import LinkExpired, WrongState
from models.vocabulary import ResetState
from workflows.procedure import Procedure


@dataclass
class State:
    state: ResetState = ResetState.NOT_REQUESTED
    expires_at: datetime | None = None


@workflow.defn(name="PasswordReset")
class PasswordReset(Procedure):
    @workflow.init
    def __init__(self, start: ResetStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now = State()

    @workflow.run
    async def run(self, start: ResetStart) -> ResetState:
        if start.person_id is not None:
            await self.tell_story(self._story)
        return self._now.state

    async def _story(self) -> None:
        message = RecordResetRequest(**self._step("request", "person").model_dump(), start=self._start)
        try:
            requested = await self.record(PasswordResetActivities.record_reset_request, message)
        except ApplicationError:
            return  # the account has gone since it was asked for
        self._now = State(ResetState.REQUESTED, requested.expires_at)
        self.stand(
            ResetState.REQUESTED,
            waiting_for="the person to choose a new password",
            upcoming=[Upcoming(at=requested.expires_at, what="expire")],
        )
        self.deliver_mails()
        await self.wait_until(
            lambda: self._now.state is not ResetState.REQUESTED,
            requested.expires_at,
            summary="The link or code expires",
        )
        if self._now.state is ResetState.REQUESTED:
            await self._close(ResetState.EXPIRED, actor="system")

    # Commands.

    @workflow.update(description="The person has proved who they are and chosen a new password.")
    async def complete(self, command: CompleteReset) -> Answer:
        async with self.turn():
            self._judge_completion()
            message = RecordResetCompletion(**self._step("complete", command.actor).model_dump(), command=command)
            completed = await self.record(PasswordResetActivities.record_reset_completion, message)
            self._now.state = ResetState.COMPLETED
        self.stand(ResetState.COMPLETED, waiting_for="nothing")
        return completed.model_copy(update={"fingerprint": command.fingerprint})

    @complete.validator
    def _refuse_completion(self, command: CompleteReset) -> None:
        if not self.is_moving:  # whoever comes while a step is being recorded is judged in turn
            self._judge_completion()

    # Private steps.

    def _judge_completion(self) -> None:
        if self._now.state is not ResetState.REQUESTED or self._now.expires_at is None:
            raise refused(WrongState(state=self._now.state))
        if workflow.now() >= self._now.expires_at:
            raise refused(LinkExpired(state=ResetState.EXPIRED))

    async def close_subject(self, actor: str) -> None:
        await self._close(ResetState.ENDED, actor=actor)

    async def _close(self, state: ResetState, *, actor: str) -> None:
        self._now.state = state
        await self.record(
            PasswordResetActivities.record_reset_close,
            RecordResetClose(**self._step(state, actor).model_dump(), state=state),
        )
        self.stand(state, waiting_for="nothing")

    def _step(self, step: str, actor: str) -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)
