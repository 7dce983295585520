"""The first answers to idempotency keys, as stored (GEN-03). They belong to no tenant: the scope names the caller."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.encryption import Cipher
from models.refusals import AlreadyExists, NotFound
from models.tables.customers import Customer
from models.tables.idempotent_answers import IdempotentAnswer

_EMPTIED = b""
"""No answer's body: that of an answer without one is sealed too."""


@dataclass(frozen=True)
class Kept:
    """How long an answer is given again: for ninety days, unless one of these says otherwise.

    `of_tenant`, `about`: the customer, application or invitation whose people it names, which it is emptied with
    (CUS-05). `is_secret`: it holds what is shown only once, and is emptied after a day.
    """

    of_tenant: str | None = None
    about: str | None = None
    is_secret: bool = False


@dataclass(frozen=True)
class FirstAnswer:
    """`fingerprint` is of the request, `headers` are those that a repetition needs too.

    `gone`: how a repetition is refused, once the answer has been emptied.
    """

    fingerprint: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    kept: Kept = Kept()
    gone: type[AlreadyExists | NotFound] | None = None


async def lock(connection: AsyncConnection, scope_digest: str) -> None:
    """Make requests of the same scope wait for each other until the end of the transaction."""
    number = int.from_bytes(bytes.fromhex(scope_digest[:16]), "big", signed=True)
    await connection.execute(select(func.pg_advisory_xact_lock(number)))


async def find(connection: AsyncConnection, cipher: Cipher, scope_digest: str) -> FirstAnswer | None:
    table = IdempotentAnswer.__table__
    row = (await connection.execute(select(table).where(table.c.scope_digest == scope_digest))).first()
    if row is None:
        return None
    if row.body == _EMPTIED:
        gone = AlreadyExists if row.is_secret else NotFound
        return FirstAnswer(fingerprint=row.fingerprint, status=row.status, headers=row.headers, body=b"", gone=gone)
    body = cipher.decrypt(row.body, context=scope_digest.encode())
    return FirstAnswer(fingerprint=row.fingerprint, status=row.status, headers=row.headers, body=body)


async def keep(
    connection: AsyncConnection, cipher: Cipher, scope_digest: str, *, answer: FirstAnswer, at: datetime
) -> None:
    """Store it, unless an equal request has been answered meanwhile."""
    values = {
        "scope_digest": scope_digest,
        "fingerprint": answer.fingerprint,
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": cipher.encrypt(answer.body, context=scope_digest.encode()),
        "created_at": at,
        **asdict(answer.kept),
    }
    await connection.execute(insert(IdempotentAnswer).values(values).on_conflict_do_nothing())


async def is_late(connection: AsyncConnection, answer: FirstAnswer) -> bool:
    """The customer has been erased since; else it is not before the transaction's end. In the tenant's transaction."""
    if answer.kept.about is None:
        return False
    theirs = (Customer.tenant_id == answer.kept.of_tenant, Customer.customer_id == answer.kept.about)
    found = await connection.execute(select(Customer.deleted_at).where(*theirs).with_for_update(read=True))
    return found.scalar_one_or_none() is not None


async def forget_secrets(connection: AsyncConnection, before: datetime) -> None:
    """Empty the answers from before an instant that hold a secret. Their requests stay answered."""
    told = (IdempotentAnswer.is_secret, IdempotentAnswer.created_at < before, IdempotentAnswer.body != _EMPTIED)
    await connection.execute(update(IdempotentAnswer).where(*told).values(body=_EMPTIED))


async def erase(connection: AsyncConnection, tenant_id: str, about: Collection[str]) -> None:
    """Empty the answers about these customers, applications and invitations (CUS-05). Likewise nothing is done anew."""
    theirs = (IdempotentAnswer.of_tenant == tenant_id, IdempotentAnswer.about.in_(about))
    await connection.execute(update(IdempotentAnswer).where(*theirs).values(body=_EMPTIED, headers={}, is_secret=False))


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Delete the answers from before an instant; how many there were."""
    done = await connection.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < before))
    return done.rowcount
