"""A mail server that takes connections and says nothing: whatever waits for it, commands are answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select

import worker
from mail_templates.catalogue import CATALOGUE
from models.messages.procedure import Identity
from models.outbox import Letter, Posting, post
from models.tables.procedures import Mail
from models.vocabulary import Decision, Language, MailState, ProcedureKind
from models.vocabulary import Mail as Template
from settings import Settings
from tests.mailing import DELIVERIES, Mailing
from tests.processes.test_service_application import confirm, decide, submit
from tests.world import TENANT, Employ, World, eventually, in_this_process, settings_of_tests
from workflows.registry import WORKFLOWS

MAILING = Identity.of(ProcedureKind.SERVICE_APPLICATION, TENANT, "mailing")


@pytest.fixture
def settings() -> Settings:
    """Nobody waits for the silent server at the end."""
    return settings_of_tests().model_copy(update={"worker_graceful_shutdown_seconds": 0})


@pytest.fixture
def employ(monkeypatch: pytest.MonkeyPatch) -> Employ:
    monkeypatch.setattr(worker, "WORKFLOWS", [*WORKFLOWS, Mailing])
    return in_this_process


@asynccontextmanager
async def silence(world: World) -> AsyncIterator[None]:
    """In the mail server's place."""
    callers = list[asyncio.StreamWriter]()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)

    world.mails.stop()
    server = await asyncio.start_server(say_nothing, "127.0.0.1", world.mails.port)
    try:
        yield
    finally:
        server.close()
        for caller in callers:
            caller.close()
        await server.wait_closed()
        world.mails.start()


async def mails_in(world: World, state: MailState) -> int:
    async with world.database.transaction(TENANT) as connection:
        counted = select(func.count()).where(Mail.procedure_id == MAILING.procedure_id, Mail.state == state)
        return (await connection.execute(counted)).scalar_one()


async def post_to_many(world: World) -> None:
    posting = Posting(tenant_id=TENANT, procedure_id=MAILING.procedure_id, step="mailing", at=await world.clock.now())
    template, language = Template.APPLICATION_COMPLETED, Language.JA
    values = dict.fromkeys(CATALOGUE[template].fields, "山田 太郎")
    letters = [
        Letter(mail=template, recipient=f"{number}@example.com", language=language, values=values)
        for number in range(DELIVERIES)
    ]
    async with world.database.transaction(TENANT) as connection:
        await post(connection, posting, letters)


@pytest.mark.requirement("GEN-02", "GEN-03")
async def test_a_decision_is_answered_while_more_mails_than_a_worker_has_room_for_wait_for_a_silent_server(
    world: World,
) -> None:
    """And the mails wait without a try of their own being used up; once the server speaks they all go."""
    handle, _ = await submit(world)
    await confirm(handle)
    await eventually(lambda: len(world.mails.mails) == 3)
    await post_to_many(world)
    async with silence(world):
        mailing = await world.client.start_workflow(
            Mailing.run, MAILING, id=MAILING.procedure_id, task_queue=world.task_queue
        )

        async def are_due() -> bool:
            pending = (await mailing.describe()).raw_description.pending_activities
            return len(pending) == DELIVERIES and await mails_in(world, MailState.SENDING) >= 5

        await eventually(are_due)
        async with asyncio.timeout(5):
            assert (await decide(handle, Decision.APPROVE)).state == "approved"
        assert await mails_in(world, MailState.SENDING) <= 5
    await world.advance(minutes=2)
    await mailing.result()
    assert await mails_in(world, MailState.SENT) == DELIVERIES
