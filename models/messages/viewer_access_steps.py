"""What viewer access says to its workflow and activities (VWR-01…05). Tokens and fingerprints only as digests."""

from datetime import datetime

from models.approval_vocabulary import ApprovalState
from models.messages.approval_steps import Asked
from models.messages.procedure import Answer, Command, Identity, Message, Step
from models.viewer_vocabulary import ViewerState, ViewerTimer


class ViewerStart(Message):
    """The workflow's input. Its identity's subject is the request's number; without a customer it leads nowhere."""

    identity: Identity
    name: str
    mail_address: str
    department: str | None
    pc_name: str
    pc_digest: str


class RedeemToken(Command):
    """The token and the PC have been checked."""

    credential_digest: str


class ViewerDue(Message):
    at: datetime
    what: ViewerTimer


class ViewerStanding(Answer):
    """`due`: what happens next by itself; None once nothing does. `mails`: there are some to be sent."""

    state: ViewerState
    due: ViewerDue | None = None
    mails: bool = False


class Requested(ViewerStanding):
    """`asked`: None when nobody is asked, because the company is not there any more."""

    asked: Asked | None = None


class RecordViewerRequest(Step):
    start: ViewerStart


class RecordViewerOutcome(Step):
    outcome: ApprovalState


class RecordViewerRedemption(Step):
    command: RedeemToken


class RecordViewerClose(Step):
    state: ViewerState
