"""The short forms of the lanes of what surrounds the product. `make surrounding-faults` has the long ones."""

from pathlib import Path

import pytest

from tests.faults import mail_faults, surrounding_lanes, zombies
from tests.faults.detours import POSTGRES, TEMPORAL
from tests.faults.network import BLACKHOLE, RESET, Case
from tests.faults.report import Findings, listed
from tests.faults.site import WORKER
from tests.faults.zombies import LATE

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.requirement("GEN-02", "GEN-03"),
]


def all_well(found: Findings) -> bool:
    assert found.wrong == [], listed(found.injections)
    return all(one.survived == len(one.jobs) for one in found.injections)


async def test_a_network_at_fault_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    """Connections break in the middle of an approval's commit, and Temporal falls silent as a hold is committed."""
    cases = [Case(POSTGRES, RESET, 15), Case(TEMPORAL, BLACKHOLE, 11)]
    assert all_well(await surrounding_lanes.network(tmp_path, cases=cases))


async def test_every_mail_that_is_put_off_given_up_or_lost_arrives_once_all_is_mended(tmp_path: Path) -> None:
    """What the mail server refuses for good an operator sees, and has sent again."""
    assert all_well(await surrounding_lanes.mail_server(tmp_path, one_by_one=mail_faults.TO_ALL[:1], slow=False))


async def test_a_frozen_worker_that_goes_on_late_does_nothing_twice(tmp_path: Path) -> None:
    """Its tries in five steps and a mail have been given up meanwhile."""
    assert all_well(await surrounding_lanes.frozen_workers(tmp_path, how=[LATE], spots=zombies.FREEZES[:1]))


async def test_calls_repeated_around_a_death_have_one_effect_and_equal_answers(tmp_path: Path) -> None:
    plan = [("API", "apply"), (WORKER, "approve")]
    assert all_well(await surrounding_lanes.repeated_calls(tmp_path, plan=plan, jobs=2))
