"""The short form of the deployments' lane. `make deploy-faults` is the long one."""

import re
from pathlib import Path

import pytest

from tests.faults import deploy_lanes
from tests.faults.casts import MainCast
from tests.faults.versions import DOCTOR, LEAVE_WITH, REPLAY, ROOT, SET_CURRENT, SET_RAMPING


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("GEN-02", "GEN-03")
async def test_new_code_takes_over_what_is_under_way(tmp_path: Path) -> None:
    """At rest or in the middle of a step: all goes on, nothing is lost, nothing happens twice."""
    found = await deploy_lanes.deployments(tmp_path, kinds=(MainCast,), taken_back=False)
    assert found.wrong == []


@pytest.mark.parametrize("command", [SET_CURRENT, SET_RAMPING, LEAVE_WITH, REPLAY, DOCTOR])
def test_the_commands_that_are_tried_are_those_of_the_document(command: str) -> None:
    """Letter by letter, but for what an operator fills in."""
    document = re.sub(r"\\\n\s+", "", (ROOT / "docs" / "operations" / "deploying.md").read_text())
    filled_in = command.format(build_id="2026-11-28", percentage=10, workflow_id="signup-T8000000-6Q3M")
    assert filled_in in document
