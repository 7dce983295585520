"""Whether an address and a password belong together, and what happens to those who guess (AUT-01, AUT-02)."""

from dataclasses import dataclass

from sqlalchemy import Row, select

from api.context import Context
from models import sign_in_tries
from models.identifiers import Draw
from models.messages.account_lock_steps import LockNotice
from models.messages.procedure import Identity
from models.persons import NOBODY, memberships
from models.refusals import AccountLocked, InvalidCredentials
from models.sign_in_tries import WRONG_IN_A_ROW, Try
from models.tables.people import Person
from models.vocabulary import ProcedureKind
from workflows.account_lock import AccountLock

NO_TENANT = "none"
"""Stands in the id of a procedure that is nobody's: an address without an account takes as long as one with."""
_ROUNDS = 5


@dataclass(frozen=True)
class Proven:
    person_id: str
    password_hash: str
    """The one that the password fitted."""


async def prove(context: Context, mail_address: str, password: str) -> Proven:
    """The person of the address and the password. A wrong try is counted, and the tenth in a row locks.

    Raises:
        InvalidCredentials: wrong, or nobody's address. AccountLocked: right or wrong, known address or not.
    """
    digest = sign_in_tries.address_digest(context.link_key.key, mail_address)
    person: Row[str, str | None] | None = None
    for _ in range(_ROUNDS):
        tried, person = await _count(context, digest, mail_address)
        if tried.locked:
            raise AccountLocked
        # More at once than the row has places: those beyond neither count nor lock before those within are settled.
        within = tried.number <= WRONG_IN_A_ROW
        stored = person.password_hash if person and within else None
        if await context.passwords.fits(stored, password) and person and stored:
            return await _settle(context, digest, Proven(person.person_id, stored))
        if tried.number == WRONG_IN_A_ROW:
            await _lock(context, digest, person.person_id if person else None)
        if within:
            raise InvalidCredentials
    # Those within were lost with their process: the row is full all the same.
    await _lock(context, digest, person.person_id if person else None)
    raise AccountLocked


async def _count(context: Context, digest: str, mail_address: str) -> tuple[Try, Row[str, str | None] | None]:
    now = await context.clock.now()
    async with context.database.transaction() as connection:
        tried = await sign_in_tries.count(connection, digest, now)
        found = await connection.execute(
            select(Person.person_id, Person.password_hash).where(Person.mail_address == mail_address)
        )
        return tried, found.first()


async def _settle(context: Context, digest: str, proven: Proven) -> Proven:
    """Raises: AccountLocked: by tries at the same time."""
    async with context.database.transaction() as connection:
        if not await sign_in_tries.forget(connection, digest):
            raise AccountLocked
    return proven


async def _lock(context: Context, digest: str, person_id: str | None) -> None:
    """Lock and begin the notice, both or neither; nothing when another try has locked or was right."""
    until = await context.clock.now() + context.settings.durations.account_lock
    lock_id = Draw().opaque_id()
    async with context.database.transaction(person_id=person_id or NOBODY) as connection:
        if not await sign_in_tries.lock(connection, digest, lock_id, until=until):
            return
        home = (await memberships(connection, person_id or NOBODY)).home
        notice = LockNotice(
            identity=Identity.of(ProcedureKind.ACCOUNT_LOCK, home or NO_TENANT, lock_id),
            address_digest=digest,
            person_id=person_id if home else None,
        )
        await context.commands.begin(AccountLock.run, notice, notice.identity, summary="Notice of a locked account")
