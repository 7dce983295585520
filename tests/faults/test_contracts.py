"""The short form of the contracts' fault runs. `make contract-faults` is the long one."""

from pathlib import Path

import pytest

from tests.faults import lanes
from tests.faults.report import table
from tests.faults.site import WORKER


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("GEN-02", "GEN-03", "CAN-02", "KIT-01", "KIT-04", "UND-02", "UND-03")
async def test_from_cancellation_to_undo_nothing_is_lost_and_nothing_happens_twice(tmp_path: Path) -> None:
    """The worker dies as a kit is asked for, everything as the undo commits: one kit, one charge, each mail once."""
    try:
        found = await lanes.contract_kills(tmp_path, single=(11,), parts=(WORKER,), whole=(17,))
    except LookupError as too_late:
        pytest.skip(str(too_late))
    assert found.wrong == [], table(found.injections)
