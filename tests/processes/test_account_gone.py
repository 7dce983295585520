"""Mails about accounts that have been erased since they were asked for, while no worker was there (CUS-05)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert

from models.identifiers import Draw
from models.messages.account_lock_steps import LockNotice
from models.messages.password_reset_steps import ResetStart
from models.messages.procedure import Identity
from models.tables.people import SignInTry
from models.vocabulary import LockState, ProcedureKind, ResetChannel, ResetState
from tests.world import PATIENCE, TENANT, World
from workflows.account_lock import AccountLock
from workflows.password_reset import PasswordReset

GONE = "gone"


async def outcome(world: World, run: Any, start: ResetStart | LockNotice) -> str:
    async with asyncio.timeout(PATIENCE):
        handle = await world.client.start_workflow(
            run, start, id=start.identity.procedure_id, task_queue=world.task_queue
        )
        ended: str = await handle.result()
        return ended


@pytest.mark.requirement("AUT-04", "GEN-08")
async def test_a_reset_of_an_account_that_is_gone_by_then_ends_by_itself(world: World) -> None:
    """As for an address that never had one: nobody is mailed, and no operator is asked."""
    identity = Identity.of(ProcedureKind.PASSWORD_RESET, TENANT, Draw().opaque_id())
    start = ResetStart(identity=identity, channel=ResetChannel.MAIL, person_id=GONE)
    assert await outcome(world, PasswordReset.run, start) == ResetState.NOT_REQUESTED


@pytest.mark.requirement("AUT-03", "GEN-08")
async def test_the_notice_of_a_locked_account_that_is_gone_by_then_ends_by_itself(world: World) -> None:
    identity = Identity.of(ProcedureKind.ACCOUNT_LOCK, TENANT, Draw().opaque_id())
    tries = {"address_digest": "digest", "wrong_in_a_row": 10, "lock_id": identity.subject}
    async with world.database.transaction() as connection:
        await connection.execute(insert(SignInTry).values(tries))
    notice = LockNotice(identity=identity, address_digest="digest", person_id=GONE)
    assert await outcome(world, AccountLock.run, notice) == LockState.NOT_LOCKED
