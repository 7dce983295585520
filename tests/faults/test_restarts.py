"""The short form of the restarts' fault runs. `make restart-faults` is the long one."""

from pathlib import Path

import pytest

from tests.faults import restart_lanes
from tests.faults.report import table
from tests.faults.site import WORKER


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("GEN-02", "GEN-03", "RST-03", "RST-05")
async def test_from_the_schedule_to_the_devices_return_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path,
) -> None:
    """The worker dies as the device begins, everything as the slot comes: each device restarts once."""
    found = await restart_lanes.restart_kills(tmp_path, single=(10,), parts=(WORKER,), whole=(8,))
    assert found.wrong == [], table(found.injections)
