"""A step that no repetition mends: it waits for an operator, who mends the cause and has it tried again (GEN-08)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from httpx2 import AsyncClient
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateHandle, WorkflowUpdateStage

from models.messages.application_steps import Decide
from models.messages.procedure import Answer, Command
from models.vocabulary import Decision
from tests.api.test_service_application import FORM, invitation_token
from tests.outages import Outage
from tests.processes.test_mail_delivery import PROCEDURE, attention_in_temporal, say, stuck, waiting
from tests.processes.test_service_application import confirm, refusal_of, submit
from tests.viewer_pc import ViewerPc
from tests.world import TENANT, World, eventually

pytestmark = pytest.mark.requirement("GEN-08")


@contextmanager
def broken(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """No step can be recorded that touches the table: what a botched migration does."""
    owner.execute("ALTER TABLE service_applications RENAME TO misplaced")
    yield
    owner.execute("ALTER TABLE misplaced RENAME TO service_applications")


async def accepted(
    handle: WorkflowHandle[Any, Any], update: str, command: Command, answer: type[Answer] = Answer
) -> WorkflowUpdateHandle[Any]:
    """A command on its way: its answer is still to come."""
    return await handle.start_update(
        update, command, id=command.command_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=answer
    )


async def approval(handle: WorkflowHandle[Any, Any]) -> WorkflowUpdateHandle[Any]:
    return await accepted(handle, "decide", Decide(command_id="d", actor="staff:1", decision=Decision.APPROVE))


async def confirmation(handle: WorkflowHandle[Any, Any]) -> WorkflowUpdateHandle[Any]:
    return await accepted(handle, "confirm", Command(command_id="c", actor="applicant"))


async def test_a_broken_step_waits_and_goes_on_when_it_is_retried(
    world: World, api: AsyncClient, operator: dict[str, str], owner: psycopg.Connection[Any]
) -> None:
    """The decision under way is not lost: it is answered once the operator has had the step tried again."""
    handle, _ = await submit(world)
    await confirm(handle)
    with broken(owner):
        decision = await approval(handle)
        item = await stuck(api, operator)
        [step] = item["attention"]
        assert (step["step"], step["actions"]) == ("record_decision", ["retry", "end"])
        assert "record_decision" in await attention_in_temporal(world)
        url = f"/v1/tenants/{TENANT}/procedures/{PROCEDURE}/skip"
        skipped = await api.post(url, json={"reason": "not needed"}, headers=operator)
        assert (skipped.status_code, skipped.json()["code"]) == (409, "wrong_state")
    await say(api, operator, "retry")
    assert (await decision.result()).state == "approved"
    assert await handle.result() == "approved"
    assert await waiting(api, operator) == []
    assert (await world.timeline(PROCEDURE))[-3:] == ["attention_raised", "operator_retry", "application_approved"]


async def test_a_broken_step_that_is_not_mended_raises_attention_again(
    world: World, api: AsyncClient, operator: dict[str, str], owner: psycopg.Connection[Any]
) -> None:
    handle, _ = await submit(world)
    with broken(owner):
        await confirmation(handle)
        await stuck(api, operator)
        await say(api, operator, "retry")
        await eventually(lambda: raised_times(world, 2))
        await stuck(api, operator)
    await say(api, operator, "retry")
    await eventually(lambda: stands(world, "unapproved"))


async def test_a_command_whose_step_is_stuck_is_refused_when_the_operator_ends_the_procedure(
    world: World, api: AsyncClient, operator: dict[str, str], owner: psycopg.Connection[Any]
) -> None:
    """Who waits for the command's answer is told, and the application is closed once its rows can be reached."""
    handle, _ = await submit(world)
    await confirm(handle)
    with broken(owner):
        decision = await approval(handle)
        await stuck(api, operator)
    await say(api, operator, "end")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await decision.result()
    assert refusal_of(refused) == ("wrong_state", "ended")
    await handle.result()
    assert (await world.standing(PROCEDURE))[0] == "ended"


async def test_a_procedure_whose_rows_stay_broken_can_be_ended_all_the_same(
    world: World, api: AsyncClient, operator: dict[str, str], owner: psycopg.Connection[Any]
) -> None:
    """The procedure is over though its application cannot be touched."""
    handle, _ = await submit(world)
    with broken(owner):
        await confirmation(handle)
        await stuck(api, operator)
        await say(api, operator, "end")
        await handle.result()
    assert (await world.standing(PROCEDURE))[0] == "ended"
    assert (await world.timeline(PROCEDURE))[-2:] == ["operator_end", "ended_by_operator"]


async def test_a_procedure_whose_very_first_record_is_broken_is_listed_too(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str], owner: psycopg.Connection[Any]
) -> None:
    """The applicant is told that it is accepted, and where to look; retried, it begins as if nothing had been."""
    token = await invitation_token(api, staff)
    with broken(owner):
        begun = await api.post(f"/v1/apply/{token}", json=FORM)
        assert begun.status_code == 202
        item = await stuck(api, operator)
        assert (item["state"], item["kind"]) == ("starting", "service-application")
        assert [step["step"] for step in item["attention"]] == ["record_submission"]
    retried = await api.post(f"{begun.headers['Location']}/retry", json={"reason": "mended"}, headers=operator)
    assert retried.status_code == 200

    async def has_begun() -> bool:
        procedure = (await api.get(begun.headers["Location"], headers=staff)).json()
        return (procedure["state"], procedure["waiting_for"]) == ("awaiting_confirmation", "applicant")

    await eventually(has_begun)
    assert await waiting(api, operator) == []


async def test_a_procedure_whose_very_first_record_is_broken_can_be_cancelled(
    world: World,
    api: AsyncClient,
    staff: dict[str, str],
    operator: dict[str, str],
    owner: psycopg.Connection[Any],
) -> None:
    """*Request Cancellation* ends it as `end` does: whoever began it is told, and nothing goes on running."""
    token = await invitation_token(api, staff)
    with broken(owner):
        begun = await api.post(f"/v1/apply/{token}", json=FORM)
        await stuck(api, operator)
        procedure_id = begun.headers["Location"].rsplit("/", 1)[-1]
        handle = world.client.get_workflow_handle(procedure_id)
        await handle.cancel()
        async with asyncio.timeout(30):
            await handle.result()
    assert (await world.standing(procedure_id))[0] == "ended"
    assert (await world.timeline(procedure_id))[-2:] == ["attention_raised", "ended_by_operator"]
    assert await waiting(api, operator) == []


async def test_a_command_that_waits_for_the_first_record_does_not_outlast_the_procedure(
    world: World, viewer_pc: ViewerPc, outage: Outage
) -> None:
    """A PC takes its request back before it is recorded; an operator ends it meanwhile, and it is over."""
    with outage.of("viewer_requested"):
        begun = await viewer_pc.ask()
        request_id = begun.json()["request_id"]
        handle = world.client.get_workflow_handle(f"viewer-access-{TENANT}-{request_id}")
        withdrawal = await accepted(handle, "withdraw", Command(command_id="w", actor="viewer"))
        await handle.cancel()
        async with asyncio.timeout(30):
            await handle.result()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await withdrawal.result()
    assert refusal_of(refused)[0] == "wrong_state"


async def raised_times(world: World, times: int) -> bool:
    return (await world.timeline(PROCEDURE)).count("attention_raised") == times


async def stands(world: World, state: str) -> bool:
    return (await world.standing(PROCEDURE))[0] == state
