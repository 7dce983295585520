"""The first answers to idempotency keys, as stored (GEN-03). They belong to no tenant: the scope names the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.encryption import Cipher
from models.tables.idempotent_answers import IdempotentAnswer


@dataclass(frozen=True)
class FirstAnswer:
    """`fingerprint` is of the request, `headers` are those that a repetition needs too."""

    fingerprint: str
    status: int
    headers: Mapping[str, str]
    body: bytes


async def lock(connection: AsyncConnection, scope_digest: str) -> None:
    """Make requests of the same scope wait for each other until the end of the transaction."""
    number = int.from_bytes(bytes.fromhex(scope_digest[:16]), "big", signed=True)
    await connection.execute(select(func.pg_advisory_xact_lock(number)))


async def find(connection: AsyncConnection, cipher: Cipher, scope_digest: str) -> FirstAnswer | None:
    table = IdempotentAnswer.__table__
    row = (await connection.execute(select(table).where(table.c.scope_digest == scope_digest))).first()
    if row is None:
        return None
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
    }
    await connection.execute(insert(IdempotentAnswer).values(values).on_conflict_do_nothing())


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Delete the answers from before an instant; how many there were."""
    done = await connection.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < before))
    return done.rowcount
