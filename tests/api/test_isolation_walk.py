"""Every route there is, as a stranger: nothing tells one tenant about another (GEN-05)."""

import re
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from tests.api.test_service_application import confirmed
from tests.world import TENANT, World, make_tenant, sign_in_staff

OTHER = "T9000000"
OPEN_TO_ALL = {
    "/v1/sessions",
    "/v1/password-resets",
    "/v1/password-resets/redeem",
    "/v1/postal-codes/{code}",
    "/v1/viewer/requests",
    "/v1/viewer/requests/{request_id}",
    "/v1/viewer/requests/{request_id}/token",
}
"""Routes that need no credentials, besides the pages, health, metrics and documentation."""


async def operations(api: AsyncClient) -> list[tuple[str, str]]:
    document = (await api.get("/openapi.json")).json()
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    ]


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found.group(1), "A00000000"), path)


async def call(api: AsyncClient, method: str, path: str, headers: dict[str, str]) -> Response:
    body: Any = {} if method in {"POST", "PUT", "PATCH"} else None
    return await api.request(method, path, json=body, headers=headers)


async def ids_of_a_customer(api: AsyncClient, staff: dict[str, str], world: World) -> dict[str, str]:
    """Things that exist in the tenant, by the name they have in paths."""
    number = await confirmed(api, staff, world)
    url = f"/v1/tenants/{TENANT}/applications/{number}"
    approved = await api.post(f"{url}/approve", json={}, headers=staff)
    return {
        "tenant_id": TENANT,
        "number": number,
        "customer_id": approved.json()["customer_id"],
        "procedure_id": f"service-application-{TENANT}-{number}",
        "template": "application_result",
    }


@pytest.mark.requirement("GEN-05", "GEN-07")
async def test_every_route_of_a_tenant_is_not_there_for_another_tenants_staff(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """With ids that exist, under the tenant's own path and under the stranger's."""
    ids = await ids_of_a_customer(api, staff, world)
    await make_tenant(world.database, OTHER, await world.clock.now())
    stranger = await sign_in_staff(world, OTHER)
    wrong = []
    for method, path in await operations(api):
        if "{tenant_id}" not in path:
            continue
        there = await call(api, method, filled(path, ids), stranger)
        if there.status_code not in {403, 404}:  # 403: the operator's alone
            wrong.append((method, path, "theirs", there.status_code, there.text[:200]))
        if path.count("{") > 1:
            here = await call(api, method, filled(path, {**ids, "tenant_id": OTHER}), stranger)
            if here.status_code < 400 and not path.endswith("{template}"):
                wrong.append((method, path, "own", here.status_code, here.text[:200]))
    assert wrong == []


@pytest.mark.requirement("GEN-05")
async def test_every_route_wants_to_know_who_is_calling(api: AsyncClient) -> None:
    """Without credentials, and with wrong ones, the answer is 401, and alike."""
    wrong = []
    for method, path in await operations(api):
        if path in OPEN_TO_ALL or path.startswith("/v1/apply/"):
            continue
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await call(
                api, method, filled(path, {"tenant_id": TENANT, "template": "application_result"}), headers
            )
            if answer.status_code != 401:
                wrong.append((method, path, answer.status_code))
    assert wrong == []
