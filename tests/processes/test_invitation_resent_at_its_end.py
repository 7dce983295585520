"""A personal invitation is sent again in the last second, while something else of it is still being recorded."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from httpx2 import AsyncClient

from api.context import Context
from api.invitation import find_open_invitation
from api.personal_invitations import note_opened
from settings import Settings
from tests.conftest import Postgres
from tests.processes.test_personal_invitation import URL, invite, procedure_id, shown, token_of
from tests.world import World, eventually

_LIVES = timedelta(seconds=6)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """On real time: a jump of the rehearsal's clock would wait until nothing is being recorded."""
    durations = settings.durations.model_copy(update={"personal_invitation": _LIVES})
    return settings.model_copy(update={"rehearsal": False, "durations": durations})


@pytest.mark.requirement("APP-18")
async def test_what_was_sent_again_in_time_does_not_end_with_the_sending_before(
    api: AsyncClient,
    staff: dict[str, str],
    world: World,
    context: Context,
    postgres: Postgres,
    database_name: str,
) -> None:
    """Its first deadline comes while the second sending waits for its turn."""
    invitation = await invite(api, staff)
    invited = await find_open_invitation(context, await token_of(world))
    handle = world.client.get_workflow_handle(procedure_id(invitation))
    with psycopg.connect(postgres.url("postgres", database_name)) as holding:
        holding.execute("SELECT FROM personal_invitations FOR UPDATE")
        opening = asyncio.create_task(note_opened(context, invited))

        async def is_being_recorded() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any(one.activity_type.name == "record_invitation_opened" for one in pending)

        await eventually(is_being_recorded)
        sending = asyncio.create_task(api.post(f"{URL}/{invitation['invitation_id']}/resend", headers=staff))
        await asyncio.sleep(_LIVES.total_seconds())  # until after the deadline, whatever else takes long
    await asyncio.gather(opening, sending)
    again = sending.result()
    assert (again.status_code, again.json()["state"]) == (200, "sent"), again.text
    await eventually(lambda: len(world.mails.mails) == 2)
    assert "invitation_expired" not in await world.timeline(procedure_id(invitation))
    assert [one["state"] for one in await shown(api, staff)] == ["sent"]
