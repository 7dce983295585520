"""Plays drawn at random: a short form with a fixed seed, and `make property-machine`, which draws new ones each time.

What a play finds, Hypothesis makes as short as it can and prints; it then becomes a test of its own beside those of the
procedure it is about.
"""

import asyncio
import os
import sys
from collections import Counter

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from models.database import Database
from settings import Settings
from tests.accounts import make_customer
from tests.devices import make_devices
from tests.machine.scenes_applications import AccountScenes, ApplicationScenes
from tests.machine.scenes_approvals import SupportScenes, ViewerScenes
from tests.machine.scenes_devices import ContractScenes, DeviceScenes
from tests.machine.stage import OTHER, open_stage
from tests.world import make_tenant, sign_in_staff

EXAMPLES = int(os.environ.get("TETSUZUKI_MACHINE_EXAMPLES", "0"))
STEPS = int(os.environ.get("TETSUZUKI_MACHINE_STEPS", "30"))
_SHORT_EXAMPLES, _SHORT_STEPS = 3, 12


class EveryScene(ApplicationScenes, AccountScenes, ViewerScenes, SupportScenes, DeviceScenes, ContractScenes):
    """All that the machine plays."""


@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore:Cannot find activity to cancel")  # the SDK, of a procedure let go of in the middle
@pytest.mark.requirement("GEN-01", "GEN-02", "GEN-03", "GEN-04", "GEN-05", "GEN-06")
def test_product_and_paper_agree_whatever_is_played(
    database_url: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each command, jump, outage and repetition: states, logs, mails and decisions are those on paper."""
    tally = Counter[str]()
    settings = settings.model_copy(update={"worker_strict_sandbox": False})
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database = Database(database_url, pool_size=5)
        runner.run(_furnish_next_door(database, settings))
        try:
            run_state_machine_as_test(
                lambda: EveryScene(runner, database, settings, tally),  # type: ignore[arg-type]  # it only calls it
                settings=_drawn(),
            )
        finally:
            runner.run(database.close())
    with capsys.disabled():
        if EXAMPLES:
            sys.stdout.write("".join(f"\n{count:6} {what}" for what, count in tally.most_common()))


def _drawn() -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=EXAMPLES or _SHORT_EXAMPLES,
        stateful_step_count=STEPS if EXAMPLES else _SHORT_STEPS,
        derandomize=not EXAMPLES,
        print_blob=True,
        report_multiple_bugs=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


async def _furnish_next_door(database: Database, settings: Settings) -> None:
    """Somebody of whom every table that people fill has something."""
    async with open_stage(database, settings) as stage:
        await make_tenant(database, OTHER, await stage.now())
        await sign_in_staff(stage.world, OTHER)
        await make_customer(stage.world, OTHER)
        await make_devices(database, await stage.now(), tenant_id=OTHER)
