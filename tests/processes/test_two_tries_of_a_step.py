"""Two tries of one step at the same time: one was given up, and is committed after all (GEN-03)."""

import asyncio

import psycopg
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import Records
from models.audit import Fact
from models.links import LinkKey
from models.messages.procedure import Answer
from models.refusals import WrongState
from models.tables.tenants import Tenant
from settings import Settings
from tests.conftest import Postgres
from tests.world import TENANT, World, eventually


@pytest.mark.requirement("GEN-03")
async def test_a_try_that_meets_what_another_try_has_done_has_its_answer(
    world: World, settings: Settings, postgres: Postgres, database_name: str
) -> None:
    """Not a refusal: the step did not happen before itself. Another step is refused."""
    link_key = LinkKey(settings.link_key.get_secret_value().encode())
    records = Records(database=world.database, durations=settings.durations, link_key=link_key)
    written, told = asyncio.Event(), asyncio.Event()

    async def work(connection: AsyncConnection) -> Answer:
        moved = await connection.execute(
            update(Tenant).where(Tenant.tenant_id == TENANT, Tenant.name != "moved").values(name="moved")
        )
        if moved.rowcount != 1:
            raise WrongState(state="moved")
        written.set()
        await told.wait()
        return Answer(state="moved")

    def fact(step: str) -> Fact:
        return Fact(
            tenant_id=TENANT, at=now, actor="system", what="moved", subject=TENANT, procedure_id="tries", step=step
        )

    def somebody_waits() -> bool:
        with psycopg.connect(postgres.url("postgres", database_name)) as superuser:
            waiting = superuser.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            return waiting.fetchone() == (1,)

    now = await world.clock.now()
    frozen = asyncio.create_task(records.once(fact("move"), Answer, work))
    await written.wait()
    successor = asyncio.create_task(records.once(fact("move"), Answer, work))
    await eventually(somebody_waits)
    told.set()
    assert await frozen == await successor == Answer(state="moved")
    with pytest.raises(WrongState):
        await records.once(fact("another"), Answer, work)
