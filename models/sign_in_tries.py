"""Wrong passwords in a row, by address, whether or not anybody has it (AUT-02)."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables.people import SignInTry

WRONG_IN_A_ROW = 10
"""The last of so many locks."""


@dataclass(frozen=True)
class Try:
    """`number` in the row of tries that have not been right; while locked it stands still."""

    number: int
    locked: bool


def address_digest(key: bytes, mail_address: str) -> str:
    """What a row is found by: nobody without the key learns which addresses have been tried."""
    return hmac.digest(key, b"sign-in\n" + mail_address.encode(), hashlib.sha256).hex()


async def count(connection: AsyncConnection, digest: str, now: datetime) -> Try:
    """Count a try before it is looked at, in one statement, so that tries at the same time are all counted."""
    locked = SignInTry.locked_until > now
    counted = insert(SignInTry).values(address_digest=digest, wrong_in_a_row=1, last_try_at=now)
    counted = counted.on_conflict_do_update(
        index_elements=["address_digest"],
        set_={
            "wrong_in_a_row": case(
                (locked, SignInTry.wrong_in_a_row),
                (SignInTry.locked_until.is_not(None), 1),  # a lock that has run out begins the row anew
                else_=SignInTry.wrong_in_a_row + 1,
            ),
            "locked_until": case((locked, SignInTry.locked_until), else_=null()),
            "last_try_at": now,
        },
    )
    returned = counted.returning(SignInTry.wrong_in_a_row, SignInTry.locked_until.is_not(None))
    number, still_locked = (await connection.execute(returned)).one()
    return Try(number, still_locked)


async def lock(connection: AsyncConnection, digest: str, lock_id: str, *, until: datetime) -> bool:
    """Lock, once the row of wrong tries is full; False when it is not, or another try has locked."""
    locked = (
        update(SignInTry)
        .where(
            SignInTry.address_digest == digest,
            SignInTry.locked_until.is_(None),
            SignInTry.wrong_in_a_row >= WRONG_IN_A_ROW,
        )
        .values(locked_until=until, lock_id=lock_id)
    )
    return (await connection.execute(locked)).rowcount == 1


async def forget(connection: AsyncConnection, digest: str) -> bool:
    """Begin the row anew after a right password; False when it has been locked meanwhile."""
    forgotten = (
        update(SignInTry)
        .where(SignInTry.address_digest == digest, SignInTry.locked_until.is_(None))
        .values(wrong_in_a_row=0)
    )
    return (await connection.execute(forgotten)).rowcount == 1


async def end_lock(connection: AsyncConnection, digest: str) -> None:
    """A completed password reset opens the account."""
    await connection.execute(
        update(SignInTry).where(SignInTry.address_digest == digest).values(wrong_in_a_row=0, locked_until=None)
    )


async def latest_lock(connection: AsyncConnection, digest: str) -> str | None:
    """The id of the address's latest lock, after waiting for one that is being made."""
    found = await connection.execute(
        select(SignInTry.lock_id).where(SignInTry.address_digest == digest).with_for_update(read=True)
    )
    return found.scalar_one_or_none()
