"""The catalog itself: no table, view, function or key lets one tenant near another's rows (GEN-05)."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import bindparam, select, text, update

from models.clock import machine_time
from models.database import Database, Prepared
from models.tables.tenants import Tenant
from tests.conftest import Postgres, alembic_config
from tests.world import make_tenant

CATALOGUE = {"products", "rate_plans", "charges", "catalogue_entries"}
"""The operator alone writes them; everybody reads them but the last, their log."""
GLOBAL_TABLES = CATALOGUE | {"alembic_version", "idempotent_answers", "persons", "sessions", "sign_in_tries"}
"""Tables of no tenant: people belong to several, and an idempotency key is scoped by its caller."""
OPERATOR = "(current_setting('app.operator'::text, true) = 'yes'::text)"
POLICY = "((tenant_id)::text = NULLIF(current_setting('app.tenant'::text, true), ''::text))"

pytestmark = pytest.mark.requirement("GEN-05")


@pytest.fixture
def catalog(postgres: Postgres, database_name: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(postgres.url("owner", database_name)) as connection:
        yield connection


def test_every_table_but_the_known_global_ones_is_a_tenants_and_forces_row_level_security(
    catalog: psycopg.Connection[tuple[Any, ...]],
) -> None:
    tables = catalog.execute(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
        " EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')"
        " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    ).fetchall()
    assert {name for name, _, has_tenant in tables if not has_tenant} == GLOBAL_TABLES
    assert [name for name, forced, has_tenant in tables if has_tenant and not forced] == []


def test_every_tenants_table_is_written_and_read_under_its_tenant_only(
    catalog: psycopg.Connection[tuple[Any, ...]],
) -> None:
    """Whatever other policy there is only lets read."""
    policies = catalog.execute(
        "SELECT tablename, policyname, cmd, permissive, qual, with_check FROM pg_policies WHERE schemaname = 'public'"
    ).fetchall()
    writing = {table: (qual, check) for table, _, command, _, qual, check in policies if command != "SELECT"}
    assert {table: writing.pop(table) for table in CATALOGUE} == dict.fromkeys(CATALOGUE, (OPERATOR, OPERATOR))
    assert set(writing.values()) == {(POLICY, POLICY)}
    tenant_tables = catalog.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    ).fetchall()
    assert set(writing) == {table for (table,) in tenant_tables}
    reading = {name for table, name, command, *_ in policies if command == "SELECT" and table not in CATALOGUE}
    assert reading <= {"person", "operator", "named"}


def test_every_key_and_reference_of_a_tenants_table_begins_with_the_tenant(
    catalog: psycopg.Connection[tuple[Any, ...]],
) -> None:
    """References lead within the tenant, to the tenant, or to people and the catalogue, which belong to none."""
    keys = catalog.execute(
        "SELECT conrelid::regclass::text, contype, confrelid::regclass::text,"
        " (SELECT array_agg(attname::text ORDER BY n) FROM unnest(conkey) WITH ORDINALITY k(num, n)"
        "  JOIN pg_attribute ON attrelid = conrelid AND attnum = num)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f')"
    ).fetchall()
    wrong = [
        (table, kind, to, columns)
        for table, kind, to, columns in keys
        if table not in GLOBAL_TABLES and columns[0] != "tenant_id" and to not in {"persons", *CATALOGUE}
    ]
    assert wrong == []


def test_no_view_or_function_goes_around_row_level_security(catalog: psycopg.Connection[tuple[Any, ...]]) -> None:
    views = catalog.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')"
        " AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)"
    ).fetchall()
    definers = catalog.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    ).fetchall()
    assert (views, definers) == ([], [])


def test_the_product_runs_as_a_role_that_row_level_security_binds(
    catalog: psycopg.Connection[tuple[Any, ...]],
) -> None:
    role = catalog.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'app'"
    ).fetchone()
    owned = catalog.execute("SELECT count(*) FROM pg_class WHERE relowner = 'app'::regrole").fetchone()
    assert (role, owned) == ((False, False, False, False), (0,))


@pytest.mark.requirement("GEN-04")
@pytest.mark.parametrize("role", ["app", "owner"])
@pytest.mark.parametrize("log", ["audit_entries", "catalogue_entries"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_an_audit_log_only_grows(postgres: Postgres, database_name: str, role: str, log: str, statement: str) -> None:
    """Neither the product nor the owner of the tables changes or removes an entry."""
    with psycopg.connect(postgres.url(role, database_name)) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement.format(log).encode())
    assert refused.value.sqlstate in {"42501", "P0001"}  # no privilege, or the trigger's exception


async def test_a_connection_forgets_whose_it_was(database_url: str) -> None:
    """With the transaction's end, so that nothing is seen on it by whoever has not said for whom it is."""
    database = Database(database_url, pool_size=1)
    async with database.transaction("T8000000"):
        pass
    async with database.transaction() as connection:
        await connection.execute(text("ROLLBACK"))  # and with it, what this transaction has said
        kept = await connection.execute(text("SELECT current_setting('app.tenant', true)"))
        assert kept.scalar_one() in {None, ""}
    await database.close()


@pytest.mark.requirement("GEN-05")
async def test_what_is_done_at_once_is_done_as_its_tenant_and_forgotten(database_url: str) -> None:
    """The one round trip says for whom it is, like every transaction; another tenant's rows are not there."""
    database, ours, theirs = Database(database_url, pool_size=1), "T8000000", "T9000000"
    rename = Prepared(update(Tenant).where(Tenant.tenant_id == bindparam("whose")).values(name=bindparam("new")))
    for tenant_id in (ours, theirs):
        await make_tenant(database, tenant_id, machine_time())
        await database.at_once(ours, rename, {"whose": tenant_id, "new": "renamed"})
    async with database.transaction() as connection:
        await connection.execute(text("ROLLBACK"))  # and with it, what this transaction has said
        kept = await connection.execute(text("SELECT current_setting('app.tenant', true)"))
        assert kept.scalar_one() in {None, ""}
    for tenant_id, is_renamed in ((ours, True), (theirs, False)):
        async with database.transaction(tenant_id) as connection:
            name = (await connection.execute(select(Tenant.name))).scalar_one()
            assert (name == "renamed") is is_renamed
    await database.close()


def test_migrations_and_tables_say_the_same(postgres: Postgres, database_name: str) -> None:
    """The models in the code are what the migrations made."""
    command.check(alembic_config(postgres.url("owner", database_name)))
