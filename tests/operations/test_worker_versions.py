"""A worker with a build id works once an operator has made its version current."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from local.doctor.examination import Verdict, examine
from local.doctor.temporal import TemporalChecks
from local.processes import free_port, installed_program
from local.temporal_server import TemporalPorts, TemporalServer
from models.database import Database
from settings import Settings
from tests.mail_server import MailServer
from tests.processes.test_service_application import APPLICANT, submit
from tests.world import TENANT, eventually, make_tenant, running_world

MAKE_CURRENT = "worker deployment set-current-version --deployment-name tetsuzuki --build-id 1.0 --yes --address"


async def finding(settings: Settings) -> tuple[Verdict, str]:
    findings = await examine([TemporalChecks(settings).all()])
    return next((one.verdict, one.words) for one in findings if one.part == "version")


@pytest.mark.requirement("GEN-02")
async def test_a_version_gets_work_when_it_is_current_and_the_doctor_says_which_one_is(
    tmp_path: Path, database: Database, mail_server: MailServer, settings: Settings
) -> None:
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=tmp_path / "temporal.log")
    server.start()
    versioned = settings.model_copy(
        update={"rehearsal": False, "worker_build_id": "1.0", "temporal_address": server.address}
    )
    async with running_world(server.address, database, mail_server, settings=versioned) as world:
        await make_tenant(database, TENANT, await world.clock.now())

        async def is_noticed() -> bool:
            return "1.0 gets no work" in (await finding(versioned))[1]

        await eventually(is_noticed, patience=60)
        assert (await finding(versioned))[0] is Verdict.WRONG
        words = [installed_program("temporal"), *MAKE_CURRENT.split(), server.address]
        await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True)
        await submit(world)
        await world.mails_to(APPLICANT, 1)
        assert await finding(versioned) == (Verdict.FINE, "1.0 is current")
    server.stop()
