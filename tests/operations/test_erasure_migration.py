"""The migration that makes up for erasures of before (CUS-05): what was kept is what a product in use had kept."""

import psycopg
import pytest
from alembic import command
from psycopg import sql
from psycopg.types.json import Jsonb

from models.clock import machine_time
from models.database import Database
from models.messages.return_kit_steps import UndoneKits
from tests.conftest import Postgres, alembic_config
from tests.contracts import DESTINATION
from tests.world import make_tenant

BEFORE = "20261122_late_events"
OURS, THEIRS = "T8000000", "T9000000"
REPLACED = {"tenant_id": OURS, "contract_number": "C1", "customer_id": "A1", "product_name": "守り", "utm_id": "U1"}


@pytest.fixture
async def in_use(postgres: Postgres, database_name: str, database: Database) -> str:
    """The owner's connection to a database of the version before, in which a cancellation has been undone."""
    url = postgres.url("owner", database_name)
    command.downgrade(alembic_config(url), BEFORE)
    for tenant_id in (OURS, THEIRS):
        await make_tenant(database, tenant_id, machine_time())
    with psycopg.connect(postgres.url("postgres", database_name)) as connection:
        for tenant_id in (OURS, THEIRS):
            sent = [{**REPLACED, "number": number, "destination": dict(DESTINATION)} for number in (2, 3)]
            for what, replacements in (("return_kits_undone", sent), ("return_kits_undone", []), ("other", sent)):
                answer = {"fingerprint": "", "state": "undone", "procedure_ids": ["p"], "replacements": replacements}
                connection.execute(
                    "INSERT INTO audit_entries (tenant_id, at, actor, what, subject, answer)"
                    " VALUES (%s, now(), 'system', %s, 'C1', %s)",
                    (tenant_id, what, Jsonb(answer)),
                )
            stuck = [{"step": "mail-1", "reason": "m: 550 <taro@minato.example> no such user", "actions": ["end"]}]
            connection.execute(
                "INSERT INTO procedures (tenant_id, procedure_id, kind, subject, state, next, started_at, attention)"
                " VALUES (%s, %s, 'contract', 'C1', 'active', '[]', now(), %s)",
                (tenant_id, f"p-{tenant_id}", Jsonb(stuck)),
            )
        connection.execute(
            "INSERT INTO persons (person_id, mail_address, created_at) VALUES ('gone', 'gone@minato.example', now())"
        )
    return url


@pytest.mark.requirement("CUS-05", "GEN-04", "UND-03")
async def test_addresses_that_stood_in_the_audit_log_are_taken_out_of_it(
    in_use: str, postgres: Postgres, database_name: str
) -> None:
    """Of every tenant; the rest of the answer stays, in its order, and afterwards the log only grows again."""
    command.upgrade(alembic_config(in_use), "head")
    with psycopg.connect(postgres.url("postgres", database_name)) as connection:
        rows = connection.execute(
            "SELECT answer FROM audit_entries WHERE what = 'return_kits_undone' ORDER BY entry_id"
        ).fetchall()
    answers = [UndoneKits.model_validate(answer) for (answer,) in rows]
    assert [[one.number for one in answer.replacements] for answer in answers] == [[2, 3], [], [2, 3], []]
    assert not any(value and value in str(rows) for value in DESTINATION.values())
    with psycopg.connect(in_use) as connection, pytest.raises(psycopg.errors.RaiseException):
        connection.execute("UPDATE audit_entries SET actor = 'x'")
    for table in ("audit_entries", "staff_members", "portal_users"):
        with psycopg.connect(in_use) as connection:
            seen = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            assert seen == (0,)  # as whoever has not said for which tenant


@pytest.mark.requirement("CUS-05", "GEN-08")
async def test_the_reasons_for_which_operators_are_asked_name_nobody(
    in_use: str, postgres: Postgres, database_name: str
) -> None:
    command.upgrade(alembic_config(in_use), "head")
    with psycopg.connect(postgres.url("postgres", database_name)) as connection:
        asked = connection.execute("SELECT attention FROM procedures").fetchall()
    left = [{"step": "mail-1", "reason": "m: 550 … no such user", "actions": ["end"]}]
    assert asked == [(left,), (left,)]


@pytest.mark.requirement("CUS-05", "TEN-06")
async def test_people_whom_a_deletion_had_left_behind_are_found(in_use: str) -> None:
    """The housekeeping looks at them, and forgets them."""
    command.upgrade(alembic_config(in_use), "head")
    with psycopg.connect(in_use) as connection:
        adrift = connection.execute("SELECT person_id FROM persons WHERE adrift_since IS NOT NULL").fetchall()
    assert adrift == [("gone",)]
