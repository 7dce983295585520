"""`tetsuzuki replay`: what the code at hand would do with the procedures that are open now."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.processes import free_port
from local.replay import find, run
from local.temporal_server import TemporalPorts, TemporalServer
from models.database import Database
from settings import Settings
from tests.mail_server import MailServer
from tests.processes.test_service_application import APPLICANT, submit
from tests.replay import mutants
from tests.world import TENANT, World, eventually, make_tenant, running_world
from workflows.registry import WORKFLOWS
from workflows.service_application import ServiceApplication


@pytest.fixture
def real_time(settings: Settings) -> Settings:
    return settings.model_copy(update={"rehearsal": False})


@pytest.fixture
async def world(
    tmp_path: Path, database: Database, mail_server: MailServer, real_time: Settings
) -> AsyncIterator[World]:
    """On the real server: the rehearsal's cannot tell which workflows it has."""
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=tmp_path / "temporal.log")
    server.start()
    async with running_world(server.address, database, mail_server, settings=real_time) as world:
        await make_tenant(database, TENANT, await world.clock.now())
        yield world
    server.stop()


@pytest.mark.requirement("GEN-02")
async def test_open_procedures_are_tried_on_the_code_and_left_as_they_are(world: World, real_time: Settings) -> None:
    """Fitting code, code that takes another way, and code that does not know the kind any more."""
    handle, _ = await submit(world)
    await world.mails_to(APPLICANT, 1)

    async def is_listed() -> bool:
        return (await find(world.client, real_time, of_each=10)).replayed == 1

    await eventually(is_listed)
    before = (await handle.fetch_history()).to_json()
    fitting = await find(world.client, real_time, of_each=10)
    with mutants.applied(mutants.with_a_timer_at_its_beginning(ServiceApplication)) as changed:
        other_way = await find(world.client, real_time, of_each=10, workflows=changed)
    others = [kind for kind in WORKFLOWS if kind is not ServiceApplication]
    unknown = await find(world.client, real_time, of_each=10, workflows=others)
    assert (fitting.replayed, fitting.failed) == (1, {})
    assert "goes another way" in other_way.failed[handle.id]
    assert "fails in this code" in unknown.failed[handle.id]
    assert json.loads((await handle.fetch_history()).to_json()) == json.loads(before)


def test_an_engine_that_does_not_answer_is_no_permission(
    real_time: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = real_time.model_copy(update={"temporal_address": f"127.0.0.1:{free_port()}"})
    assert run(nowhere, of_each=1) == 2
    assert "cannot be asked" in capsys.readouterr().out
