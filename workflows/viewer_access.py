"""Viewer access (VWR-01…05): from a PC's request to the end of its credential.

The company's administrators approve it by mail, the person enters the mailed token, and the PC reads data until it is
revoked or nobody uses it for long. Uses are noted in the database alone: when the announcement or the end is due, this
looks how long ago the last one was. A request for a company that does not exist is started all the same, so that both
take alike, and ends at once.
"""

from temporalio import workflow

from activities.outcomes import refused
from activities.viewer_access import ViewerAccessActivities
from models.approval_vocabulary import ApprovalState
from models.messages.procedure import Command, Step, Upcoming
from models.messages.viewer_access_steps import (
    RecordViewerClose,
    RecordViewerOutcome,
    RecordViewerRedemption,
    RecordViewerRequest,
    RedeemToken,
    ViewerStanding,
    ViewerStart,
)
from models.refusals import WrongState
from models.viewer_vocabulary import OPEN, ViewerState
from workflows.approval import Approving


@workflow.defn(name="ViewerAccess")
class ViewerAccess(Approving):
    @workflow.init
    def __init__(self, start: ViewerStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now: ViewerStanding | None = None

    @workflow.run
    async def run(self, start: ViewerStart) -> str:
        if start.identity.customer_id is not None:
            await self.tell_story(self._story)
        return self._state

    async def _story(self) -> None:
        message = RecordViewerRequest(**self._step("request", actor="viewer").model_dump(), start=self._start)
        async with self.turn():
            requested = await self.record(ViewerAccessActivities.record_viewer_request, message)
            self._take(requested)
        if requested.asked is None:
            return
        outcome = await self.approval(requested.asked)
        async with self.turn():
            if self._state is ViewerState.AWAITING_APPROVAL:
                await self._hear(outcome)
        await self._run_its_course()

    async def _run_its_course(self) -> None:
        """The token's day, then the credential's idle months: whatever is due next, or is commanded."""
        while (standing := self._current()).due is not None:
            is_new = lambda before=standing: self._now is not before  # noqa: E731 - each turn of the loop has its own
            await self.wait_until(is_new, standing.due.at, summary=standing.due.what.replace("_", " ").capitalize())
            async with self.turn():
                if self._now is standing:
                    await self._do_what_is_due(standing)

    # Commands.

    @workflow.update(description="The person has entered the token on the PC (VWR-04).")
    async def redeem(self, command: RedeemToken) -> ViewerStanding:
        async with self.turn():
            standing = self._current()
            is_late = standing.due is None or workflow.now() >= standing.due.at
            if standing.state is not ViewerState.TOKEN_SENT or is_late:
                raise refused(WrongState(state=standing.state))
            step = self._step(f"redeem-{command.command_id}", actor="viewer")
            message = RecordViewerRedemption(**step.model_dump(), command=command)
            allowed = self._take(await self.record(ViewerAccessActivities.record_viewer_redemption, message))
        return allowed.model_copy(update={"fingerprint": command.fingerprint})

    @workflow.update(description="The PC takes its request back, before the token has been entered (APR-06).")
    async def withdraw(self, command: Command) -> ViewerStanding:
        return await self._close_by(command, ViewerState.WITHDRAWN, OPEN[:-1])

    @workflow.update(description="The PC is no longer allowed, or will not be (VWR-05).")
    async def revoke(self, command: Command) -> ViewerStanding:
        return await self._close_by(command, ViewerState.REVOKED, OPEN)

    @redeem.validator
    def _take_redeem(self, command: RedeemToken) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    @withdraw.validator
    def _take_withdraw(self, command: Command) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    @revoke.validator
    def _take_revoke(self, command: Command) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await super().close_subject(actor)
        await self._close(self._step("end", actor=actor), ViewerState.ENDED)

    async def _close_by(self, command: Command, state: ViewerState, allowed: tuple[ViewerState, ...]) -> ViewerStanding:
        # The request's own record comes first, or the end of the procedure.
        await workflow.wait_condition(lambda: self._now is not None or self._cut_short_by is not None)
        async with self.turn():
            if self._state not in allowed:
                raise refused(WrongState(state=self._state))
            if self._state is ViewerState.AWAITING_APPROVAL and self._approval is ApprovalState.PENDING:
                await self.withdraw_approval(command, by_requester=state is ViewerState.WITHDRAWN)
            closed = await self._close(self._step(f"close-{command.command_id}", actor=command.actor), state)
        return closed.model_copy(update={"fingerprint": command.fingerprint})

    async def _close(self, step: Step, state: ViewerState) -> ViewerStanding:
        message = RecordViewerClose(**step.model_dump(), state=state)
        return self._take(await self.record(ViewerAccessActivities.record_viewer_close, message))

    async def _hear(self, outcome: ApprovalState) -> None:
        message = RecordViewerOutcome(**self._step("outcome").model_dump(), outcome=outcome)
        self._take(await self.record(ViewerAccessActivities.record_viewer_outcome, message))

    async def _do_what_is_due(self, standing: ViewerStanding) -> None:
        if standing.due is None:
            return
        step = self._step(f"{standing.due.what}-{standing.due.at.isoformat()}")
        if standing.state is ViewerState.TOKEN_SENT:
            self._take(await self.record(ViewerAccessActivities.record_viewer_unredeemed, step))
        else:
            self._take(await self.record(ViewerAccessActivities.record_viewer_idleness, step))

    def _take(self, standing: ViewerStanding) -> ViewerStanding:
        self._now = standing
        upcoming = [Upcoming(at=standing.due.at, what=standing.due.what)] if standing.due else []
        self.stand(standing.state, waiting_for=_WAITING_FOR.get(standing.state, "nothing"), upcoming=upcoming)
        if standing.mails:
            self.deliver_mails()
        return standing

    def _current(self) -> ViewerStanding:
        return self._now or ViewerStanding(state=ViewerState.NOT_TAKEN)

    @property
    def _state(self) -> ViewerState:
        return self._current().state

    def _step(self, step: str, *, actor: str = "system") -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)


_WAITING_FOR = {
    ViewerState.AWAITING_APPROVAL: "the administrators to decide by their links",
    ViewerState.TOKEN_SENT: "the person to enter the token",
    ViewerState.ALLOWED: "the PC to be used, or not",
}
