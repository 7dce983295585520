"""What has begun goes on with today's code: the histories of every procedure are replayed."""

import pytest

from settings import Settings
from tests.replay import corpus, mutants
from tests.replay.replaying import failures
from workflows.recurrences import RecurrencesOnTheWorldClock
from workflows.registry import WORKFLOWS

# A rehearsal begins anew at each start: what its clock keeps is never gone on with.
KINDS = [kind for kind in WORKFLOWS if kind is not RecurrencesOnTheWorldClock]


def named(kind: type) -> str:
    return kind.__name__


@pytest.mark.requirement("GEN-02")
@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_every_procedure_that_has_begun_goes_on_with_todays_code(kind: type, settings: Settings) -> None:
    places = [place for place in corpus.places() if place.parent.name == kind.__name__]
    assert places, "no history of it is kept: tests.replay.corpus says how"
    assert await failures(settings, WORKFLOWS, places) == {}


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_a_step_that_was_not_there_when_it_began_is_noticed(kind: type, settings: Settings) -> None:
    """Else the test above proves nothing."""
    places = [place for place in corpus.places() if place.parent.name == kind.__name__]
    with mutants.applied(mutants.with_a_timer_at_its_beginning(kind)) as changed:
        assert await failures(settings, changed, places)
