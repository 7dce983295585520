"""Row-level security for migrations: a tenant's table is readable and writable only under that tenant (GEN-05)."""

from alembic import op

TENANT = "tenant_id = nullif(current_setting('app.tenant', true), '')"
PERSON = "nullif(current_setting('app.person', true), '')"
NAMED = "nullif(current_setting('app.named', true), '')"
OPERATOR = "current_setting('app.operator', true) = 'yes'"


def isolate(table: str) -> None:
    """Force the tenant policy on the table, its owner included."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({TENANT}) WITH CHECK ({TENANT})")


def let_person_read(table: str, condition: str) -> None:
    """A person reads their own memberships and what belongs to them, across tenants, and writes none (TEN-06)."""
    op.execute(f"CREATE POLICY person ON {table} FOR SELECT USING ({condition})")


def let_whoever_names_it_read(table: str, column: str) -> None:
    """Whoever names the id of one row reads that row, without knowing its tenant, and writes none (VWR-01, VWR-04)."""
    op.execute(f"CREATE POLICY named ON {table} FOR SELECT USING ({column} = {NAMED})")


def let_operator_read(table: str) -> None:
    """The operator reads across tenants, and writes in one at a time."""
    op.execute(f"CREATE POLICY operator ON {table} FOR SELECT USING ({OPERATOR})")


def let_only_operator_write(table: str) -> None:
    """A table of no tenant: everybody reads it, the operator alone writes it."""
    let_only_operator_in(table)
    op.execute(f"CREATE POLICY everybody ON {table} FOR SELECT USING (true)")


def let_only_operator_in(table: str) -> None:
    """A table of no tenant, which the operator alone reads and writes."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY operator ON {table} USING ({OPERATOR}) WITH CHECK ({OPERATOR})")


def append_only(table: str) -> None:
    """No role changes or removes a row, the owner neither."""
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM app")
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
