"""The short form of the kills at every boundary. `make boundary-faults` is the long one."""

from pathlib import Path

import pytest

from tests.faults.boundary_lane import boundary_kills

_SHORT = ("AccountLock", "PasswordReset")


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("GEN-02", "GEN-03")
async def test_a_worker_that_dies_at_a_boundary_of_a_story_leaves_what_it_leaves_alive(tmp_path: Path) -> None:
    """At four of each story, from the first turn to the last mail."""
    found = await boundary_kills(tmp_path, procedures=_SHORT, at_most=4)
    assert found.wrong == [], "\n".join(found.rows)
