"""Schemathesis against the running API, as everybody who can call it: `make api-fuzz`, and a short form of a minute.

Every answer is one that the document declares, none is a 5xx, nobody gets in without credentials, and the tenant next
door, whose ids are mixed among the caller's own, is as it was afterwards and is never told of.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from httpx2 import AsyncClient

from api.app import create_app
from api.context import Context
from local.processes import free_port
from models.identifiers import Draw
from settings import Settings, Smtp
from tests.accounts import PASSWORD
from tests.api.test_role_walk import CANARY, THERE
from tests.households import Headers, Household, checksum, make_household
from tests.mail_server import MailServer
from tests.world import World, eventually

EXAMPLES = int(os.environ.get("TETSUZUKI_FUZZ_EXAMPLES", "2"))
SECONDS = int(os.environ.get("TETSUZUKI_FUZZ_SECONDS", "0"))
ROLES = ("staff", "portal user", "write key", "device", "viewer", "nobody", "operator")
_NOT_FUZZED = "^/v1/(rehearsal/advance|sessions/current|me/password)|/suspend$|/staff/"
"""They end the run: the world's clock, the caller's own session, password, membership and tenant. Each has tests."""
_UNTOLD = {
    "positive_data_acceptance": "what state, dates and other rows refuse, no schema tells",
    "ensure_resource_availability": "a thing of one procedure is another's after a while",
    "missing_required_header": "the PC's header is part of its credential: without it 401",
}
"""Checks of Schemathesis that do not fit, and why."""
_REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "415", "422", "429", "503"]
_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def settings(settings: Settings, mail_server: MailServer) -> Settings:
    """With the mail server that the API looks for when it says whether it is ready."""
    return settings.model_copy(update={"smtp": Smtp(port=mail_server.port)})


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.requirement("GEN-05", "GEN-07")
@pytest.mark.parametrize("role", ROLES)
async def test_no_answer_is_undeclared_or_a_mistake_of_ours(
    api: AsyncClient, world: World, context: Context, operator: Headers, tmp_path: Path, role: str
) -> None:
    here = await make_household(api, world, context, Draw().tenant_id())
    there = await make_household(api, world, context, THERE, name=CANARY)
    callers = {**here.callers, "operator": operator, "nobody": {}}
    tokens = [_bearer(one) for one in [*here.callers.values(), *there.callers.values(), operator]]
    canaries = [PASSWORD, *tokens, *([] if role == "operator" else [CANARY])]
    neighbours = [here] if role == "operator" else [here, here, here, there]
    before = await checksum(world.database, THERE)
    async with served(context) as url:
        config = tmp_path / "schemathesis.toml"
        config.write_text(configuration(neighbours), encoding="utf-8")
        code, told = await run(url, config, callers[role], canaries=canaries)
    if role != "operator":  # who serves both
        assert await checksum(world.database, THERE) == before
    assert code == 0, told


@asynccontextmanager
async def served(context: Context) -> AsyncIterator[str]:
    """The API on a port of its own."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(context), host="127.0.0.1", port=port, log_config=None))
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


def configuration(households: list[Household]) -> str:
    """Ids that exist, most of the time, in the paths."""
    lines = [f'hooks = "{_ROOT / "tests/api_fuzz/fuzz_checks.py"}"', "cache.enabled = false"]
    lines += [f"checks.negative_data_rejection.expected-statuses = {json.dumps(_REFUSALS)}", "[parameters]"]
    names = households[0].ids
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.9 }}' for name in names]
    for name in names:
        values = [one for household in households for one in household.ids[name]]
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    return "\n".join(lines)


async def run(url: str, config: Path, headers: Headers, *, canaries: list[str]) -> tuple[int, str]:
    """Returns the exit code, and what `st` says in the end."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/openapi.json"),
        *("--max-examples", str(EXAMPLES), "--continue-on-failure", "--no-color", "--warnings", "off"),
        *("--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "60"),
        *("--exclude-path-regex", _NOT_FUZZED, "--exclude-checks", ",".join(_UNTOLD)),
        *(["--max-time", str(SECONDS)] if SECONDS else []),
        *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}")),
    ]
    environment: dict[str, Any] = os.environ | {"TETSUZUKI_FUZZ_CANARIES": "\n".join(canaries)}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=config.parent, env=environment, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode(errors="replace")


def _bearer(headers: Headers) -> str:
    return headers["Authorization"].removeprefix("Bearer ")
