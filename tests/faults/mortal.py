"""Has the same tests pass on a worker that dies, and looks at what is left behind then. A plugin of pytest.

`boundary_lane.py` says by a plan, in the folder that `TETSUZUKI_BOUNDARIES` names, where it is to die.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest
from httpx2 import ASGITransport, AsyncClient
from temporalio.client import Client

from api.app import create_app
from api.context import Context
from local.processes import free_port
from local.rehearsal_server import RehearsalServer
from models.database import Database
from models.identifiers import Draw
from settings import Settings
from tests.conftest import Postgres
from tests.faults.gathering import accepted_updates, failed_tasks
from tests.faults.golden import Leftovers, differences, leftovers
from tests.faults.mortal_worker import Impatient, Workforce, told
from tests.faults.plans import Run, read_plan
from tests.faults.stories import procedures_of
from tests.mail_server import MailServer, ReceivedMail
from tests.world import Employ, World
from worker import DELIVERIES_AT_ONCE

FOLDER = Path(os.environ["TETSUZUKI_BOUNDARIES"])
REST_WITHIN = 40  # seconds
_LOOKS_APART = 0.5  # what happens twice may do so a little later
_A_PAUSE = 0.2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "run" in metafunc.fixturenames:
        name = f"{Path(str(metafunc.definition.path)).name}::{metafunc.function.__name__}"
        mine = procedures_of(name)
        metafunc.parametrize(
            "run", [run for run in read_plan(FOLDER) if run.death.procedure in mine], ids=str, indirect=True
        )


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    asked: Run = request.param
    return asked


@dataclass
class AttentiveMailServer(MailServer):
    """Takes each mail once; the copies of it are counted."""

    copies: list[ReceivedMail] = field(default_factory=list)

    def take(self, mail: ReceivedMail) -> None:
        known = any((one.message_id, one.recipient) == (mail.message_id, mail.recipient) for one in self.mails)
        (self.copies if known else self.mails).append(mail)


@pytest.fixture
def mail_server() -> Iterator[AttentiveMailServer]:
    server = AttentiveMailServer(free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Who asks waits until the next worker has come to it."""
    durations = settings.durations.model_copy(update={"synchronous_answer": timedelta(seconds=90)})
    return settings.model_copy(update={"durations": durations})


class Persistent(ASGITransport):
    """A client as clients should be: a key for each wish, repeated until it is answered for good."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            request.headers.setdefault("Idempotency-Key", Draw().opaque_id())
        while True:
            answer = await super().handle_async_request(request)
            is_on_its_way = "/procedures/" in answer.headers.get("Location", "")  # 202: accepted and not recorded yet
            if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE and not is_on_its_way:
                return answer
            await asyncio.sleep(_A_PAUSE)


@pytest.fixture
async def api(context: Context) -> AsyncIterator[AsyncClient]:
    app = create_app(context)
    transport = Persistent(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client,
    ):
        yield client


@dataclass
class Scene:
    """Where it happens, and who works there."""

    app_url: str
    superuser_url: str
    temporal_address: str
    force: Workforce | None = None


@pytest.fixture
def scene(postgres: Postgres, database_name: str, rehearsal_server: RehearsalServer) -> Scene:
    app_url, superuser_url = (postgres.url(role, database_name) for role in ("app", "postgres"))
    return Scene(app_url, superuser_url, rehearsal_server.address)


@dataclass
class PatientWorld(World):
    """What falls due while a worker is dead is done when the next one has come to it."""

    force: Workforce

    async def advance_to(self, instant: datetime) -> None:
        await super().advance_to(instant)
        await self.force.has_recovered()


@pytest.fixture
def world(world: World, scene: Scene) -> World:
    assert scene.force is not None
    return PatientWorld(**vars(world), force=scene.force)


@pytest.fixture
def employ(run: Run, scene: Scene, mail_server: AttentiveMailServer, request: pytest.FixtureRequest) -> Employ:
    @asynccontextmanager
    async def mortal(settings: Settings, client: Client, _: Database) -> AsyncIterator[Client]:
        theirs = told(settings, database_url=scene.app_url, temporal_address=scene.temporal_address)
        noted = FOLDER / f"{run}.boundaries"
        scene.force = force = Workforce(theirs, run.death, noted)
        with force.at_work():
            yield Impatient().worn_by(client)
            try:
                await _judge(run, scene)
                assert await _unsound(scene, client) == []
                in_hand = force.deaths * DELIVERIES_AT_ONCE
                assert len(mail_server.copies) <= in_hand, "more than what died between mail server and ledger"
            finally:
                request.node.user_properties += [("deaths", force.deaths), ("copies", len(mail_server.copies))]

    return mortal


def _golden(run: Run) -> list[Leftovers]:
    return [Leftovers.read(place) for place in FOLDER.glob(f"{run.death.procedure}-golden*.json")]


def _died_at(run: Run) -> str | None:
    """The boundary's name, once it was reached."""
    reached = (FOLDER / f"{run}.boundaries").read_text().splitlines()
    number = run.death.number
    return reached[number - 1] if number is not None and number <= len(reached) else None


async def _judge(run: Run, scene: Scene) -> None:
    """Once all is at rest, what is there is what is there when nobody dies."""
    golden, wrong = _golden(run), ["mails are still on their way"]
    has_died = _died_at(run) is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_WITHIN):
            while wrong or run.is_golden:
                before = await leftovers(scene.superuser_url)
                await asyncio.sleep(_LOOKS_APART)
                found = await leftovers(scene.superuser_url)
                if before is None or found is None:
                    continue
                if run.is_golden and found == before:
                    found.write(FOLDER / f"{run}.json")
                    return
                wrong = [line for one in (before, found) for line in differences(one, golden, has_died=has_died)]
    assert not run.is_golden, "an undisturbed story does not come to rest"
    assert not wrong, "\n".join(wrong)


async def _unsound(scene: Scene, client: Client) -> list[str]:
    """What no history may hold."""
    found = []
    async with await psycopg.AsyncConnection.connect(scene.superuser_url) as connection:
        procedures = await (await connection.execute("SELECT procedure_id FROM procedures")).fetchall()
    for (procedure_id,) in procedures:
        history = await client.get_workflow_handle(procedure_id).fetch_history()
        found += [f"{procedure_id}: a task failed: {why}" for why in failed_tasks(history)]
        twice = [name for name, count in Counter(accepted_updates(history)).items() if count > 1]
        found += [f"{procedure_id}: took {name} twice" for name in twice]
    return found
