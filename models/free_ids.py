"""New rows under ids that people read out: short enough that two draws can meet."""

from collections.abc import Callable, Mapping

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute


async def insert_under_a_free_id(
    connection: AsyncConnection, key: InstrumentedAttribute[str], draw: Callable[[], str], values: Mapping[str, object]
) -> str:
    """Under the first id drawn that no row has, also none of another tenant. Returns it. `key` is unique by itself."""
    inserted: str | None = None
    while inserted is None:
        inserted = await connection.scalar(
            insert(key.class_)
            .values({**values, key.key: draw()})
            .on_conflict_do_nothing(index_elements=[key.key])
            .returning(key)
        )
    return inserted
