"""What migrations make of the rows that they find."""

import psycopg
import pytest
from alembic import command

from tests.conftest import Postgres, alembic_config

BEFORE = "20261122_late_events"
TENANT = "T8000000"


@pytest.mark.requirement("AUT-04")
def test_whose_last_reset_was_by_phone_has_a_password_that_came_by_phone(
    postgres: Postgres, database_name: str
) -> None:
    """Of every tenant's people. One that was asked for and never completed is none."""
    url = postgres.url("owner", database_name)
    command.downgrade(alembic_config(url), BEFORE)
    resets = {"phone": ["mail", "sms"], "mailbox": ["sms", "mail"], "neither": []}
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (TENANT,))
        connection.execute(
            "INSERT INTO tenants (tenant_id, name, time_zone, language, sender_name, state, created_at)"
            " VALUES (%s, 'Minato', 'Asia/Tokyo', 'ja', 'Minato', 'active', now())",
            (TENANT,),
        )
        for person, channels in resets.items():
            connection.execute(
                "INSERT INTO persons (person_id, mail_address, created_at) VALUES (%s, %s, now())",
                (person, f"{person}@minato.example"),
            )
            used = [(channel, f"2026-11-0{day}") for day, channel in enumerate(channels, start=1)]
            for channel, used_at in [*used, ("sms", None)]:
                connection.execute(
                    "INSERT INTO password_resets"
                    " (tenant_id, reset_id, person_id, channel, requested_at, expires_at, used_at)"
                    " VALUES (%s, %s, %s, %s, now(), now(), %s)",
                    (TENANT, f"{person}-{channel}-{used_at}", person, channel, used_at),
                )
    command.upgrade(alembic_config(url), "head")
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT person_id FROM persons WHERE password_came_by_phone").fetchall()
        forced = connection.execute("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'password_resets'")
        assert (found, forced.fetchone()) == ([("phone",)], (True,))
