"""A tenant's own invitation URL over HTTP."""

import asyncio

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select, text

from models.tables.applications import ServiceApplication
from models.tables.procedures import AuditEntry, Link
from tests.api.test_service_application import FORM, invitation_token, submitted
from tests.world import TENANT, World, eventually, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/invitation"
ROTATIONS = 2


@pytest.mark.requirement("APP-01")
async def test_the_url_stays_until_it_is_rotated(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """The old one is closed at once; an application made with it goes on."""
    old = await invitation_token(api, staff)
    assert await invitation_token(api, staff) == old
    number = await submitted(api, staff)
    rotated = await api.post(f"{URL}/rotate", headers=staff)
    new = str(rotated.json()["url"]).rsplit("/", 1)[1]
    assert new == await invitation_token(api, staff) != old
    closed = await api.post(f"/v1/apply/{old}", json=FORM)
    assert (closed.status_code, closed.json()["code"]) == (410, "link_withdrawn")
    assert (await api.post(f"/v1/apply/{new}", json=FORM)).status_code == 201
    await world.client.get_workflow_handle(f"service-application-{TENANT}-{number}").execute_update(
        "confirm", {"command_id": "confirm", "actor": "applicant"}
    )
    async with world.database.transaction(TENANT) as connection:
        state = select(ServiceApplication.state).where(ServiceApplication.application_number == number)
        assert (await connection.execute(state)).scalar_one() == "unapproved"
        facts = (await connection.execute(select(AuditEntry.what))).scalars().all()
    assert "invitation_rotated" in facts


@pytest.mark.requirement("APP-01", "GEN-03")
async def test_the_same_request_rotates_once(api: AsyncClient, staff: dict[str, str]) -> None:
    key = {**staff, "Idempotency-Key": "rotate-1"}
    first, second = [(await api.post(f"{URL}/rotate", headers=key)).json()["url"] for _ in range(2)]
    assert first == second


@pytest.mark.requirement("APP-01")
async def test_of_rotations_at_the_same_time_one_url_is_open(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Each closes what the others have opened before it, also where all find the same one open."""
    await invitation_token(api, staff)
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    async def all_wait() -> bool:
        async with world.database.transaction() as connection:
            return bool((await connection.execute(waiting)).scalar_one() == ROTATIONS)

    async with world.database.transaction(TENANT) as holding:
        await holding.execute(select(Link.link_id).with_for_update())
        rotating = [asyncio.create_task(api.post(f"{URL}/rotate", headers=staff)) for _ in range(ROTATIONS)]
        await eventually(all_wait)
    answers = await asyncio.gather(*rotating)
    assert [answer.status_code for answer in answers] == [200] * ROTATIONS
    tokens = [str(answer.json()["url"]).rsplit("/", 1)[1] for answer in answers]
    taken = [(await api.post(f"/v1/apply/{token}", json=FORM)).status_code for token in tokens]
    assert sorted(taken) == [201] + [410] * (ROTATIONS - 1)


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_invitation_is_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    before = await invitation_token(api, staff)
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    assert (await api.get(URL, headers=stranger)).status_code == 404
    assert (await api.post(f"{URL}/rotate", headers=stranger)).status_code == 404
    assert await invitation_token(api, staff) == before
