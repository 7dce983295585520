"""The doctor's look at the database: is it the right one, in the right shape, and does it keep tenants apart?"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.rows import TupleRow

from local.doctor.examination import AilingError, Check

_MIGRATIONS = Path(__file__).parents[2] / "migrations"
_SKEW = timedelta(seconds=2)
_RINGS_WITHIN_SECONDS = 2
_OWNER = "TETSUZUKI_OWNER_DATABASE_URL"


@dataclass(frozen=True)
class DatabaseChecks:
    url: str

    def all(self) -> list[Check]:
        start = "Is Postgres running, and is TETSUZUKI_DATABASE_URL its address, with the right password?"
        return [
            Check("database", self._reachable, start),
            Check("database role", self._role, start),
            Check("migrations", self._migrations, start),
            Check("tenants apart", self._row_level_security, start),
            Check("clocks", self._clocks, start),
            Check("doorbell", self._doorbell, start),
            Check("attention", self._attention, start),
        ]

    async def _reachable(self) -> str:
        [[version]] = await self._ask("SHOW server_version")
        return f"PostgreSQL {version}"

    async def _role(self) -> str:
        [[name, all_powerful]] = await self._ask(
            "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        owned = await self._ask("SELECT 1 FROM pg_class WHERE relowner = current_user::regrole LIMIT 1")
        if all_powerful or owned:
            raise AilingError(
                f"the product connects as {name}, whom row-level security does not bind",
                remedy="Give the product a role of its own: no superuser, no BYPASSRLS, owner of nothing "
                "(deploy/postgres/roles.sh makes one), and put it into TETSUZUKI_DATABASE_URL.",
            )
        return f"as {name}, bound by row-level security"

    async def _migrations(self) -> str:
        [wanted] = ScriptDirectory.from_config(_config()).get_heads()
        try:
            rows = await self._ask("SELECT version_num FROM alembic_version")
        except psycopg.errors.UndefinedTable:
            rows = []
        found = rows[0][0] if rows else "nothing"
        if found != wanted:
            raise AilingError(
                f"the database is at {found}, the code needs {wanted}",
                remedy=f"Run 'tetsuzuki migrate' with {_OWNER} set to the owner's connection.",
            )
        return f"at {wanted}, the newest"

    async def _row_level_security(self) -> str:
        rows = await self._ask(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        )
        open_tables = sorted(name for name, forced in rows if not forced)
        if open_tables:
            raise AilingError(
                f"row-level security is not forced on {', '.join(open_tables)}",
                remedy="Somebody has changed the tables by hand: ALTER TABLE … FORCE ROW LEVEL SECURITY.",
            )
        return f"row-level security is forced on all {len(rows)} tables of tenants"

    async def _clocks(self) -> str:
        began = datetime.now(UTC)
        [[theirs]] = await self._ask("SELECT clock_timestamp()")
        ended = datetime.now(UTC)
        skew = max(began - theirs, theirs - ended, timedelta(0))
        if skew > _SKEW:
            raise AilingError(
                f"this machine and the database differ by {skew.total_seconds():.1f} s",
                remedy="Let both take their time from the same source (NTP): deadlines are decided by it.",
            )
        return "this machine and the database tell the same time"

    async def _doorbell(self) -> str:
        """Whether a word said on one connection is heard on another, as the devices' long polls need it."""
        async with await self._connect() as connection:
            await connection.set_autocommit(True)
            await connection.execute("LISTEN tetsuzuki_doctor")
            await self._ask("SELECT pg_notify('tetsuzuki_doctor', '')")
            heard = [word async for word in connection.notifies(timeout=_RINGS_WITHIN_SECONDS, stop_after=1)]
        if not heard:
            raise AilingError(
                "NOTIFY does not arrive: devices hear of a command only when their poll is over",
                remedy="TETSUZUKI_DATABASE_URL seems to lead through a pooler in transaction mode: give the API "
                "connections of its own, or a pooler in session mode.",
                mild=True,
            )
        return "devices that wait hear of a command at once"

    async def _attention(self) -> str:
        [[count]] = await self._ask(
            "SELECT count(*) FROM procedures WHERE attention IS NOT NULL",
            before="SELECT set_config('app.operator', 'yes', true)",
        )
        if count:
            raise AilingError(
                f"{count} procedures wait for an operator",
                remedy="GET /v1/attention lists them; docs/operations/web-ui.md says how to help.",
                mild=True,
            )
        return "no procedure waits for an operator"

    async def _connect(self) -> psycopg.AsyncConnection[TupleRow]:
        return await psycopg.AsyncConnection.connect(self.url, connect_timeout=3)

    async def _ask(self, question: LiteralString, *, before: LiteralString = "SELECT 1") -> list[tuple[Any, ...]]:
        async with await self._connect() as connection:
            await connection.execute(before)
            return await (await connection.execute(question)).fetchall()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
