"""What the account lock's workflow says (AUT-03). No addresses: the records know the person's."""

from models.messages.procedure import Identity, Message, Step


class LockNotice(Message):
    """The workflow's input. Its identity's subject is the lock's id."""

    identity: Identity
    address_digest: str
    person_id: str | None
    """Nobody has the address, or has no account: then nobody is told."""


class RecordLock(Step):
    notice: LockNotice
