"""What the personal invitation's workflow says to the API and to its activities (APP-18)."""

from datetime import datetime

from models.messages.procedure import Answer, Command, Identity, Message, Step
from models.vocabulary import InvitationState


class NewInvitation(Message):
    mail_address: str
    name: str | None = None


class InvitationStart(Command):
    """The workflow's input. A resend of one that has expired brings nothing new."""

    identity: Identity
    new: NewInvitation | None = None


class RecordSending(Step):
    """The first mail, or a resend: in each case a fresh link and fresh days."""

    new: NewInvitation | None = None


class RecordInvitationEnd(Step):
    state: InvitationState


class Sent(Answer):
    expires_at: datetime
