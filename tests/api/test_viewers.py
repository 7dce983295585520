"""Who sees and revokes the PCs that are allowed to view a company's data, and what a viewer's credential opens."""

import pytest
from sqlalchemy import update

from models.tables.customers import Customer
from models.tables.tenants import Tenant
from tests.accounts import PASSWORD, make_person, make_portal_user, sign_in
from tests.viewer_pc import ViewerPc
from tests.world import TENANT, make_tenant, sign_in_staff

OTHER = "T9000000"


@pytest.mark.requirement("VWR-05", "GEN-05")
async def test_the_companys_people_revoke_and_strangers_see_nothing(viewer_pc: ViewerPc) -> None:
    """Another tenant's staff, another company's people, and the viewer itself."""
    pc = viewer_pc
    request_id, credential = await pc.allowed()
    one = f"{pc.viewers_url}/{request_id}"
    await make_tenant(pc.world.database, OTHER, await pc.world.clock.now())
    stranger = await sign_in_staff(pc.world, OTHER)
    for url, method in ((pc.viewers_url, "GET"), (one, "DELETE"), (one.replace(TENANT, OTHER), "DELETE")):
        assert (await pc.api.request(method, url, headers=stranger)).status_code == 404
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
