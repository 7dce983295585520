"""People across tenants: one address, one person (TEN-06)."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.identifiers import Draw
from models.tables.people import Person


async def ensure_person(connection: AsyncConnection, mail_address: str, at: datetime) -> str:
    """The person of an address, made if need be, without a password yet. Returns their id."""
    await connection.execute(
        insert(Person)
        .values(person_id=Draw().opaque_id(), mail_address=mail_address, created_at=at)
        .on_conflict_do_nothing(index_elements=["mail_address"])
    )
    return (await connection.execute(select(Person.person_id).where(Person.mail_address == mail_address))).scalar_one()
