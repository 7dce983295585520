"""The short forms of the lanes of what surrounds the product. `make surrounding-faults` has the long ones."""

from pathlib import Path

import pytest

from tests.faults import mail_faults, surrounding_lanes, zombies
from tests.faults.detours import POSTGRES, TEMPORAL
from tests.faults.network import REFUSED, RESET, Case
from tests.faults.report import Findings, listed
from tests.faults.zombies import LATE

MAIL_FAULTS = {"451 at the final dot", "554 at DATA", "reset in DATA"}
GIVEN_UP = 12  # seconds: two more than a command's try has
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.requirement("GEN-02", "GEN-03"),
]


def all_well(found: Findings) -> bool:
    assert found.wrong == [], listed(found.injections)
    return all(one.survived == len(one.jobs) for one in found.injections)


async def test_a_network_at_fault_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    """Connections break in the middle of an approval's commit, and are refused as a hold is committed."""
    cases = [Case(POSTGRES, RESET, 15), Case(TEMPORAL, REFUSED, 11)]
    assert all_well(await surrounding_lanes.network(tmp_path, cases=cases))


async def test_mails_that_are_put_off_given_up_or_lost_arrive_once_all_is_mended(tmp_path: Path) -> None:
    """What the mail server refuses for good an operator sees, and has sent again."""
    together = tuple(case for case in mail_faults.TO_ONE if case.name in MAIL_FAULTS)
    found = await surrounding_lanes.mail_server(
        tmp_path, together=together, one_by_one=mail_faults.TO_ALL[:1], slow=False
    )
    assert all_well(found)


async def test_a_frozen_worker_that_goes_on_late_does_nothing_twice(tmp_path: Path) -> None:
    """The tries of three commands have been given up meanwhile."""
    found = await surrounding_lanes.frozen_workers(
        tmp_path, how=[LATE], spots=[zombies.IN_STEPS[1:4]], seconds=GIVEN_UP
    )
    assert all_well(found)


async def test_calls_repeated_around_a_death_have_one_effect_and_equal_answers(tmp_path: Path) -> None:
    """Two applications, each sent several times before, during and after the API's death."""
    assert all_well(await surrounding_lanes.repeated_calls(tmp_path, plan=[("API", "apply")], jobs=2))
