"""Another payload key while procedures are under way, as docs/operations/keys.md tells to bring it in."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from local.processes import free_port
from local.temporal_server import TemporalPorts, TemporalServer
from models.database import Database
from models.identifiers import encryption_key
from models.vocabulary import ApplicationState, Decision
from settings import Settings
from tests.mail_server import MailServer
from tests.processes.test_service_application import APPLICANT, confirm, decide, submit
from tests.world import TENANT, World, make_tenant, running_world

_KEYS = {key_id: SecretStr(encryption_key()) for key_id in ("old", "new")}


def with_keys(settings: Settings, *key_ids: str, current: str) -> Settings:
    keys = {key_id: _KEYS[key_id] for key_id in key_ids}
    return settings.model_copy(update={"payload_keys": keys, "payload_key_id": current, "rehearsal": False})


@pytest.fixture
def temporal_address(tmp_path: Path) -> Iterator[str]:
    """The real server: it keeps histories from one worker to the next."""
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=tmp_path / "temporal.log")
    server.start()
    yield server.address
    server.stop()


async def keys_of(world: World, procedure_id: str) -> list[str]:
    """The ids of the keys that its payloads are encrypted with, in the order of its history."""
    events = world.client.get_workflow_handle(procedure_id).fetch_history_events()
    keys = [re.findall(r'"encryption-key-id"\s+value: "(\w+)"', str(event)) async for event in events]
    return [key for event in keys for key in event]


@pytest.mark.requirement("GEN-10")
async def test_a_procedure_begun_under_the_old_key_goes_on_under_the_new_one(
    temporal_address: str, database: Database, mail_server: MailServer, settings: Settings
) -> None:
    """First every process can read the new key, then they write with it; the old history stays readable."""
    servers = temporal_address, database, mail_server
    async with running_world(*servers, settings=with_keys(settings, "old", current="old")) as world:
        await make_tenant(database, TENANT, await world.clock.now())
        handle, _ = await submit(world)
        await world.mails_to(APPLICANT, 1)
        assert set(await keys_of(world, handle.id)) == {"old"}
    async with running_world(*servers, settings=with_keys(settings, "old", "new", current="old")) as world:
        await confirm(world.client.get_workflow_handle(handle.id, result_type=ApplicationState))
        assert set(await keys_of(world, handle.id)) == {"old"}
    async with running_world(*servers, settings=with_keys(settings, "old", "new", current="new")) as world:
        rotated = world.client.get_workflow_handle(handle.id, result_type=ApplicationState)
        await decide(rotated, Decision.APPROVE)
        assert (await world.standing(handle.id))[0] == ApplicationState.APPROVED
        keys = await keys_of(world, handle.id)
        assert set(keys) == {"old", "new"}
        assert keys == sorted(keys, key=["old", "new"].index), "the old key was used again after the new one"
