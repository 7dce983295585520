"""Every route as every kind of caller: nobody gets further than the route's own word for who may call it (GEN-05)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx2 import AsyncClient

from api import authentication, carrier, device_authentication, viewer_data
from api.app import create_app
from api.context import Context
from tests.api.test_isolation_walk import OPEN_TO_ALL
from tests.households import Headers, Household, checksum, make_household
from tests.world import World

HERE, THERE = "T8100000", "T8200000"
CANARY = "C4NARYnextdoor"
REFUSED = {401, 403, 404}
_STAFF = {"staff", "read key", "write key"}
_ADMITTED: dict[Callable[..., Any], set[str]] = {
    authentication._operator: {"operator"},  # noqa: SLF001 - a route's word for who may call it
    authentication._staff: _STAFF,  # noqa: SLF001 - likewise
    authentication._staff_person: {"staff"},  # noqa: SLF001 - likewise
    authentication._staff_or_operator: _STAFF | {"operator"},  # noqa: SLF001 - likewise
    authentication._staff_person_or_operator: {"staff", "operator"},  # noqa: SLF001 - likewise
    authentication._staff_or_portal_user: _STAFF | {"portal user"},  # noqa: SLF001 - likewise
    authentication._portal_user: {"portal user"},  # noqa: SLF001 - likewise
    authentication._anyone: _STAFF | {"portal user", "operator"},  # noqa: SLF001 - likewise
    authentication.signed_in: {"staff", "portal user"},
    device_authentication._shown_token: {"device"},  # noqa: SLF001 - likewise
    viewer_data._viewer: {"viewer"},  # noqa: SLF001 - likewise
    carrier._reporter: {"operator"},  # noqa: SLF001 - likewise
}
_OF_NO_TENANT = "/v1/products"
"""The catalogue, which is the same for all."""
_RIGHT_BODIES = {"/v1/device/commands/{command_id}/result": {"state": "started"}}
"""Where a wrong one is refused before the id is looked at."""


def routes(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path.startswith("/v1/"):
            yield from ((method, route) for method in route.methods or ())


def admitted(dependant: Dependant) -> set[str]:
    """Whom the route lets in, by what it depends on; empty: it asks nobody who they are."""
    found = _ADMITTED.get(dependant.call) if dependant.call else None
    if found is not None:
        return found
    return {role for inner in dependant.dependencies for role in admitted(inner)}


def filled(path: str, household: Household) -> str:
    """With ids that exist."""
    return re.sub(r"{(\w+)}", lambda found: household.ids.get(found.group(1), ["A00000000"])[0], path)


def refusing(method: str, route: APIRoute, role: str, here: Household, there: Household) -> str | None:
    """Where they would get farthest: whom the route does not name, at home; others with the next tenant's ids."""
    names = admitted(route.dependant)
    if not names and (route.path in OPEN_TO_ALL or route.path.startswith("/v1/apply/")):
        return None
    if role not in names or (role == "read key" and method != "GET"):
        return filled(route.path, here)
    knows_all = role == "operator" or "{" not in route.path or route.path.startswith(_OF_NO_TENANT)
    return None if knows_all else filled(route.path, there)


@pytest.mark.timeout(300)
@pytest.mark.requirement("GEN-05", "AUT-05")
async def test_every_route_refuses_every_caller_whom_it_does_not_name(
    api: AsyncClient, world: World, context: Context, operator: Headers
) -> None:
    """Nor does it give those whom it names another tenant's things; that tenant is as it was, and nobody told of it."""
    here = await make_household(api, world, context, HERE)
    there = await make_household(api, world, context, THERE, name=CANARY)
    before = await checksum(world.database, THERE)
    wrong, asked = [], 0
    for method, route in routes(create_app(context)):
        for role, headers in {**here.callers, "operator": operator, "nobody": {}}.items():
            path = refusing(method, route, role, here, there)
            if path is None:
                continue
            body = _RIGHT_BODIES.get(route.path, {}) if method in {"POST", "PUT", "PATCH"} else None
            answer = await api.request(method, path, json=body, headers=headers)
            asked += 1
            if answer.status_code not in REFUSED or CANARY in answer.text:
                wrong.append((role, method, path, answer.status_code, answer.text[:150]))
    assert wrong == [], "\n".join(map(str, wrong))
    assert await checksum(world.database, THERE) == before
    assert asked > 700
