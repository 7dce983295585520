"""Holding the product's own transactions still, inside and at the commit, so that a kill falls exactly there.

A trigger on the audit log takes a shared advisory lock; whoever holds that lock exclusively has closed the gate. The
product's schema is not touched otherwise, and an open gate costs a lock that nobody contends for.
"""

import asyncio
from collections.abc import Iterable
from enum import IntEnum
from types import TracebackType
from typing import Self

import psycopg

from tests.world import eventually

_PATIENCE = 20  # seconds until someone must have come to a closed gate


class Place(IntEnum):
    """The first half of the advisory lock's key; the second is the hash of the audit entry's `what` and tenant."""

    INSIDE = 4201
    """The step's rows are written, its audit entry is not, nothing is committed."""
    AT_COMMIT = 4202
    """Everything is written, and the commit has been asked for."""


_INSTALL = """
CREATE OR REPLACE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int, hashtext(NEW.what || NEW.tenant_id));
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER gate_inside BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION pass_gate(4201);
DROP TRIGGER IF EXISTS gate_at_commit ON audit_entries;
CREATE CONSTRAINT TRIGGER gate_at_commit AFTER INSERT ON audit_entries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION pass_gate(4202);
"""


def install(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute(_INSTALL)


class Gate:
    """Transactions that write an audit entry of that `what` stop here, until it is opened or Postgres dies.

    Only those of these tenants: a job that an earlier kill has held up is not to be taken for one of this moment's.
    """

    def __init__(self, url: str, place: Place, what: str, tenants: Iterable[str]) -> None:
        self._url = url
        self._keys = [(place.value, f"{what}{tenant}") for tenant in sorted({*tenants})]

    async def __aenter__(self) -> Self:
        self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        for key in self._keys:
            await self._connection.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", key)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.open()

    async def holds(self, count: int) -> None:
        """Wait until so many transactions stand before it.

        Raises:
            TimeoutError: they do not come.
        """
        query = (
            "SELECT count(*) FROM pg_locks"
            " WHERE locktype = 'advisory' AND NOT granted AND classid = %s AND objid::bigint ="
            " ANY(SELECT hashtext(key)::bigint & 4294967295 FROM unnest(%s::text[]) AS key)"
        )
        asked = (self._keys[0][0], [key for _, key in self._keys])

        async def do() -> bool:
            row = await (await self._connection.execute(query, asked)).fetchone()
            assert row is not None
            return int(row[0]) >= count

        await eventually(do, patience=_PATIENCE)

    async def open(self) -> None:
        """The lock ends with its connection, however that ends."""
        await self._connection.close()

    async def passed(self) -> None:
        """Once it has been opened: wait until whoever stood before it has committed."""
        async with await psycopg.AsyncConnection.connect(self._url) as connection, asyncio.timeout(_PATIENCE):
            # Everybody before us held the lock until the end of the transaction.
            for key in self._keys:
                await connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", key)
