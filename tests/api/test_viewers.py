"""Who sees and revokes the PCs that are allowed to view a company's data, and what a viewer's credential opens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import select, update

from api.app import create_app
from api.commands import Commands
from api.context import Context
from models.identifiers import Draw
from models.tables.customers import Customer
from models.tables.tenants import Tenant
from models.tables.utms import Utm
from models.tables.viewers import Viewer
from settings import RateLimits
from tests.accounts import PASSWORD, make_person, make_portal_user, sign_in
from tests.viewer_pc import FINGERPRINT, JIRO, URL, ViewerPc
from tests.world import TENANT, make_tenant, sign_in_staff
from workflows.client import connect

OTHER = "T9000000"


@pytest.mark.requirement("VWR-05", "GEN-05")
async def test_the_companys_people_revoke_and_strangers_see_nothing(viewer_pc: ViewerPc) -> None:
    """Another tenant's staff, the viewer itself, and whoever names an id reads that one row and changes none."""
    pc = viewer_pc
    request_id, credential = await pc.allowed()
    one = f"{pc.viewers_url}/{request_id}"
    await make_tenant(pc.world.database, OTHER, await pc.world.clock.now())
    stranger = await sign_in_staff(pc.world, OTHER)
    for url, method in ((pc.viewers_url, "GET"), (one, "DELETE"), (one.replace(TENANT, OTHER), "DELETE")):
        assert (await pc.api.request(method, url, headers=stranger)).status_code == 404
    for named, seen in ((request_id, [1, 0, 0]), (pc.customer_id, [0, 1, 0]), ("", [0, 0, 0])):
        async with pc.world.database.transaction(named=named) as connection:
            found = [
                len((await connection.execute(select(table.__table__))).all()) for table in (Viewer, Customer, Utm)
            ]
            changed = await connection.execute(update(Viewer).values(state="ended"))
        assert (found, changed.rowcount) == (seen, 0)
    itself = {"Authorization": f"Bearer {credential}"}
    assert (await pc.api.get(pc.viewers_url, headers=itself)).status_code == 401
    assert (await pc.api.get("/v1/viewer/data", headers=pc.staff)).status_code == 403
    colleague = await make_person(pc.world, "colleague@minato.example")
    await make_portal_user(pc.world, colleague, pc.customer_id)
    signed_in = (await sign_in(pc.api, PASSWORD, "colleague@minato.example")).json()
    theirs = {"Authorization": f"Bearer {signed_in['token']}"}
    [shown] = (await pc.api.get(pc.viewers_url, headers=theirs)).json()["items"]
    assert (shown["name"], shown["pc_name"], shown["state"]) == ("閲覧 次郎", "EIGYO-PC-03", "allowed")
    assert "digest" not in str(shown)
    assert (await pc.api.delete(one, headers=theirs)).status_code == 204
    assert (await pc.read(credential)).status_code == 401


@pytest.mark.requirement("VWR-05")
async def test_the_list_by_last_use_has_every_pc(viewer_pc: ViewerPc) -> None:
    """One that has not entered its token yet has no last use: it comes last, or first the other way."""
    pc = viewer_pc
    used, _ = await pc.allowed()
    unused, _ = await pc.approved()
    for sort, order in (("last_used_at", [used, unused]), ("-last_used_at", [unused, used])):
        asked = {"sort": sort, "limit": "1"}
        first = (await pc.api.get(pc.viewers_url, params=asked, headers=pc.staff)).json()
        asked["cursor"] = first["next_cursor"]
        second = (await pc.api.get(pc.viewers_url, params=asked, headers=pc.staff)).json()
        assert [item["viewer_id"] for page in (first, second) for item in page["items"]] == order
        assert second["next_cursor"] is None


@pytest.mark.requirement("VWR-05")
async def test_access_is_revoked_also_when_its_procedure_is_gone(viewer_pc: ViewerPc) -> None:
    """Somebody has terminated it in the Web UI; nothing else would ever end the credential but disuse."""
    pc = viewer_pc
    request_id, credential = await pc.allowed()
    await pc.world.client.get_workflow_handle(f"viewer-access-{TENANT}-{request_id}").terminate()
    assert (await pc.read(credential)).status_code == 200
    for status in (204, 404):
        assert (await pc.api.delete(f"{pc.viewers_url}/{request_id}", headers=pc.staff)).status_code == status
    assert (await pc.read(credential)).status_code == 401
    assert (await pc.world.timeline(f"viewer-access-{TENANT}-{request_id}"))[-1] == "viewer_revoked"


@pytest.mark.requirement("VWR-01")
async def test_without_its_engine_a_withdrawal_is_refused_whatever_is_named(viewer_pc: ViewerPc) -> None:
    """It could not be kept; and the refusal does not tell a known request from an unknown one."""
    pc = viewer_pc
    requests = (await pc.asked(), Draw().viewer_request_number())
    unreachable = await connect("127.0.0.1:1", "default", pc.world.cipher, lazy=True)
    deaf = replace(pc.context, commands=Commands(unreachable, "nobody", timedelta(seconds=5)))
    transport = ASGITransport(app=create_app(deaf))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as api:
        answers = [await replace(pc, api=api).withdraw(request_id) for request_id in requests]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].json() == answers[1].json()


@pytest.mark.requirement("VWR-01")
async def test_five_requests_an_hour_per_client_per_pc_and_per_address(context: Context) -> None:
    """The address however it is spelled; each with everything else differing from request to request."""
    defaults, wide = RateLimits(), dict.fromkeys(RateLimits.model_fields, "1000/hour")
    same = {
        "viewer_request_per_client": {},
        "viewer_request_per_pc": {"pc_fingerprint": FINGERPRINT},
        "viewer_request_per_address": {"mail_address": JIRO.title()},
    }
    for limit, given in same.items():
        limits = RateLimits(**wide | {limit: getattr(defaults, limit)})
        earnest = context.settings.model_copy(update={"rehearsal": False, "rate_limits": limits})
        transport = ASGITransport(app=create_app(replace(context, settings=earnest)))
        async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as api:
            answers = [await api.post(URL, json=_stranger(number) | given) for number in range(4)]
            answers += [await api.post(URL, json=_stranger(number) | _lower(given)) for number in (4, 5)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429], limit
        assert answers[-1].json()["code"] == "too_many_requests"
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 7200


def _stranger(number: int) -> dict[str, str]:
    person = {"name": "閲覧 次郎", "pc_name": "EIGYO-PC-03", "mail_address": f"jiro{number}@minato.example"}
    return person | {"company_code": "A99999999", "pc_fingerprint": f"PC {number}"}


def _lower(given: dict[str, str]) -> dict[str, str]:
    return {name: value.lower() for name, value in given.items()}


@pytest.mark.requirement("VWR-04")
async def test_a_credential_is_worth_what_its_company_and_tenant_are(viewer_pc: ViewerPc) -> None:
    """Nothing while the tenant is suspended, and nothing once the company's portal has closed."""
    pc = viewer_pc
    _, credential = await pc.allowed()
    suspended, closed = update(Tenant).values(state="suspended"), update(Customer)
    async with pc.world.database.transaction(TENANT) as connection:
        await connection.execute(suspended)
    assert (await pc.read(credential)).json()["code"] == "tenant_suspended"
    now = await pc.world.clock.now()
    async with pc.world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).values(state="active"))
        await connection.execute(closed.values(portal_closes_at=now))
    assert (await pc.read(credential)).status_code == 401
