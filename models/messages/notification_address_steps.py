"""What the procedures of notification addresses say: a new list of them, and one address's confirmation (SET-06)."""

from datetime import datetime

from models.messages.procedure import Answer, Command, Identity, Message, Step
from models.vocabulary import AddressChangeState


class ChangeAddresses(Command):
    """The whole list, in order. `expected`: the fingerprint of what it is to replace, if that matters."""

    identity: Identity
    addresses: tuple[str, ...]
    expected: str | None = None


class AwaitConfirmation(Message):
    """The input of the procedure that waits for one address's button."""

    identity: Identity
    expires_at: datetime


class RecordAddressChange(Step):
    command: ChangeAddresses


class RecordAddressEnd(Step):
    state: AddressChangeState


class AddressesChanged(Answer):
    """Which confirmations begin, and which are no longer waited for."""

    begun: tuple[AwaitConfirmation, ...] = ()
    withdrawn: tuple[Identity, ...] = ()
