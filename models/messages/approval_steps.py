"""What a procedure that asks for approval says to the pages and to its activities (APR-01…06)."""

from datetime import datetime

from models.approval_vocabulary import ApprovalDecision, ApprovalState, ApprovalTimer
from models.messages.procedure import Answer, Command, Message, Step


class Due(Message):
    at: datetime
    what: ApprovalTimer


class Asked(Message):
    """A question that approvers have been asked. `timers`: soonest first; the last one is the deadline."""

    approval_id: str
    timers: tuple[Due, ...]

    @property
    def deadline(self) -> datetime:
        return self.timers[-1].at


class ApprovalOutcome(Answer):
    """How the question stands. Who decided is in its row."""

    approval_id: str
    state: ApprovalState


class DecideApproval(Command):
    """An approver presses a button. `link_id`: of the approver's own link; `client`: where it was pressed."""

    approval_id: str
    link_id: str
    decision: ApprovalDecision
    reason: str | None = None
    client: str | None = None


class DelegateApproval(Command):
    """An approver names another address in their own place (APR-05)."""

    approval_id: str
    link_id: str
    delegate_to: str
    client: str | None = None


class ApprovalStep(Step):
    approval_id: str


class RecordApprovalDecision(ApprovalStep):
    command: DecideApproval


class RecordDelegation(ApprovalStep):
    command: DelegateApproval


class RecordApprovalTimer(ApprovalStep):
    """`next`: what is due after it."""

    timer: ApprovalTimer
    next: tuple[Due, ...] = ()


class RecordApprovalEnd(ApprovalStep):
    """Nobody has decided, and nobody will. `by_requester`: whoever asked has taken it back, and needs no mail of it."""

    state: ApprovalState
    by_requester: bool = False
