"""Asking people for approval by mailed link, inside any procedure (APR-01…06).

The procedure derives from `Approving`, and its first record asks (`activities/approval_rows.py`). Then its story waits:

    recorded = await self.record(MyActivities.record_my_request, message)
    outcome = await self.approval(recorded.asked)
    if outcome is ApprovalState.APPROVED: …

Reminder, escalation, deadline, delegation and the approvers' decisions happen meanwhile. To take the question back,
from a command of the procedure's own: `await self.withdraw_approval(command, by_requester=True)`.
"""

from temporalio import workflow

from activities.approval import ApprovalActivities
from activities.outcomes import refused
from models.approval_vocabulary import ApprovalState, ApprovalTimer
from models.messages.approval_steps import (
    ApprovalOutcome,
    Asked,
    DecideApproval,
    DelegateApproval,
    Due,
    RecordApprovalDecision,
    RecordApprovalEnd,
    RecordApprovalTimer,
    RecordDelegation,
)
from models.messages.procedure import Command, Identity, Upcoming
from models.refusals import WrongState
from workflows.procedure import Procedure


class Approving(Procedure):
    """The base of procedures that ask for approval; one question at a time."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._asked: Asked | None = None
        self._approval = ApprovalState.PENDING

    async def approval(self, asked: Asked) -> ApprovalState:
        """Wait for the question's outcome: approved, denied, expired or withdrawn."""
        self._asked, self._approval = asked, ApprovalState.PENDING
        self.deliver_mails()
        for number, due in enumerate(asked.timers):
            self._stand_undecided(asked.timers[number:])
            if await self.wait_until(self._is_decided, due.at, summary=_SUMMARIES[due.what]):
                break
            async with self.turn():
                if self._approval is ApprovalState.PENDING:
                    await self._do_timer(asked, due, asked.timers[number + 1 :])
            self.deliver_mails()
        self.stand(self._approval, waiting_for="its own next step")
        return self._approval

    async def withdraw_approval(self, command: Command, *, by_requester: bool) -> None:
        """The links are dead at once, and whoever asked is told unless it was they (APR-06). Within a `turn`.

        Raises:
            ApplicationError: it is settled already.
        """
        self._refuse_unless_pending()
        step = f"withdraw-{command.command_id}"
        await self._end_approval(ApprovalState.WITHDRAWN, step=step, actor=command.actor, by_requester=by_requester)
        self.deliver_mails()

    # The approvers' commands.

    @workflow.update(description="An approver approves or denies (APR-02, APR-03).")
    async def decide_approval(self, command: DecideApproval) -> ApprovalOutcome:
        async with self.turn():
            self._refuse_unless_pending(command.approval_id)
            step = self._approval_step(f"decide-{command.link_id}", f"approver:{command.link_id}")
            message = RecordApprovalDecision(**step, command=command)
            outcome = await self.record(ApprovalActivities.record_approval_decision, message)
            self._approval = outcome.state
        self.deliver_mails()
        return outcome.model_copy(update={"fingerprint": command.fingerprint})

    @workflow.update(description="An approver names a colleague who decides in their place (APR-05).")
    async def delegate_approval(self, command: DelegateApproval) -> ApprovalOutcome:
        async with self.turn():
            self._refuse_unless_pending(command.approval_id)
            step = self._approval_step(f"delegate-{command.command_id}", f"approver:{command.link_id}")
            message = RecordDelegation(**step, command=command)
            outcome = await self.record(ApprovalActivities.record_approval_delegation, message)
        self.deliver_mails()
        return outcome.model_copy(update={"fingerprint": command.fingerprint})

    @decide_approval.validator
    def _refuse_decision(self, command: DecideApproval) -> None:
        self._refuse_late(command.approval_id)

    @delegate_approval.validator
    def _refuse_delegation(self, command: DelegateApproval) -> None:
        self._refuse_late(command.approval_id)

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        if self._asked is not None and self._approval is ApprovalState.PENDING:
            await self._end_approval(ApprovalState.WITHDRAWN, step="end", actor=actor)

    async def _do_timer(self, asked: Asked, due: Due, later: tuple[Due, ...]) -> None:
        if due.what is ApprovalTimer.EXPIRE:
            await self._end_approval(ApprovalState.EXPIRED, step="expire", actor="system")
            return
        step = self._approval_step(f"{due.what}-{asked.approval_id}", "system")
        message = RecordApprovalTimer(**step, timer=due.what, next=later)
        await self.record(ApprovalActivities.record_approval_timer, message)

    async def _end_approval(self, state: ApprovalState, *, step: str, actor: str, by_requester: bool = False) -> None:
        message = RecordApprovalEnd(**self._approval_step(step, actor), state=state, by_requester=by_requester)
        outcome = await self.record(ApprovalActivities.record_approval_end, message)
        self._approval = outcome.state

    def _stand_undecided(self, timers: tuple[Due, ...]) -> None:
        upcoming = [Upcoming(at=due.at, what=due.what) for due in timers]
        self.stand("awaiting_approval", waiting_for="the approvers to decide by their links", upcoming=upcoming)

    def _approval_step(self, step: str, actor: str) -> dict[str, object]:
        approval_id = self._asked.approval_id if self._asked else ""
        return {
            "identity": self.identity,
            "step": f"approval-{approval_id}-{step}",
            "at": workflow.now(),
            "actor": actor,
            "approval_id": approval_id,
        }

    def _is_decided(self) -> bool:
        return not self.is_moving and self._approval is not ApprovalState.PENDING

    def _refuse_late(self, approval_id: str) -> None:
        """Whoever comes while a step is being recorded is judged in turn; whoever comes at the deadline is too late."""
        if not self.is_moving:
            self._refuse_unless_pending(approval_id)
        if self._asked is not None and workflow.now() >= self._asked.deadline:
            raise refused(WrongState(state=ApprovalState.EXPIRED))

    def _refuse_unless_pending(self, approval_id: str | None = None) -> None:
        is_ours = self._asked is not None and approval_id in (None, self._asked.approval_id)
        if not is_ours or self._approval is not ApprovalState.PENDING:
            raise refused(WrongState(state=self._approval))


_SUMMARIES = {
    ApprovalTimer.REMIND: "Remind the approvers",
    ApprovalTimer.ESCALATE: "Ask further approvers",
    ApprovalTimer.EXPIRE: "The request for approval expires",
}
