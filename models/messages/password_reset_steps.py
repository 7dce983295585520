"""What the password reset's workflow says (AUT-04). No addresses and no codes: the records know them."""

from datetime import datetime

from models.messages.procedure import Answer, Command, Identity, Message, Step
from models.vocabulary import ResetChannel, ResetState


class ResetStart(Message):
    """The workflow's input. Its identity's subject is the reset's id."""

    identity: Identity
    channel: ResetChannel
    person_id: str | None
    """Nobody has the address, or no account with a password, or no mobile number: then nobody is told."""
    user_id: str | None = None
    """The portal user whose mobile number gets the code."""


class CompleteReset(Command):
    """The person's new password, hashed; what proved them was checked before."""

    password_hash: str
    link_id: str | None = None


class RecordResetRequest(Step):
    start: ResetStart


class RecordResetCompletion(Step):
    command: CompleteReset


class RecordResetClose(Step):
    state: ResetState


class Requested(Answer):
    expires_at: datetime
