"""The short form of the fault runs: parts killed, decisions raced, everything killed. `make faults` is the long one."""

from pathlib import Path

import pytest

from tests.faults import lanes
from tests.faults.report import table

SINGLE = (14,)
"""An approval in its transaction."""
WHOLE = (18,)
"""A signup mail after its final dot."""


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("GEN-02", "GEN-03", "APP-13", "APP-14")
async def test_the_main_job_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    """Killed at its worst moments it finishes; of two decisions one wins; what was refused was not done."""
    found = await lanes.kills(tmp_path, single=SINGLE, whole=WHOLE, races=20)
    assert found.wrong == [], table(found.injections)
