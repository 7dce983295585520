"""The short form of the approvals' fault runs. `make approval-faults` is the long one."""

from pathlib import Path

import pytest

from tests.faults import approval_lanes
from tests.faults.report import table
from tests.faults.site import WORKER


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("GEN-02", "GEN-03", "APR-03", "RSA-04", "RSA-05", "VWR-04", "VWR-05")
async def test_whatever_dies_one_session_opens_and_no_secret_leaves_its_mails(tmp_path: Path) -> None:
    """The worker dies as a session is committed, the API as a token's entry is: each of them counts once."""
    found = await approval_lanes.approval_kills(tmp_path, plan={8: [WORKER], 21: ["API"]})
    assert found.wrong == [], table(found.injections)
