"""A UTM's restarts while mails of earlier ones still wait for an operator: the procedure lives as long as they do."""

import pytest

from activities.restart_rows import restarts_of
from tests.processes import test_restart as restarts
from tests.processes.test_restart import ALERTS, Desk
from tests.shipping import at_attention, attention_of

desk = restarts.desk  # the fixture there is the one here


async def refused(desk: Desk) -> str:
    """A restart that was scheduled and taken back, and whose mail nobody took. Returns the step that waits."""
    desk.world.mails.answer = lambda recipient: "550 no such mailbox" if recipient == ALERTS else None
    assert (await desk.ask(await desk.slot())).status_code == 202
    procedure_id = restarts_of(await desk.utm()).procedure_id
    assert (await desk.cancel()).status_code == 200

    async def both() -> bool:
        return len(await attention_of(desk.world, procedure_id)) == 2

    await restarts.eventually(both)
    return procedure_id


@pytest.mark.requirement("GEN-08")
async def test_what_waits_for_an_operator_is_shown_on_after_the_next_restart_has_begun(desk: Desk) -> None:
    """The mails of the last one, which nobody took, are still there to be helped."""
    procedure_id = await refused(desk)
    waiting = await attention_of(desk.world, procedure_id)
    await desk.heartbeat()
    assert (await desk.ask("now")).status_code == 202
    await at_attention(desk.world, procedure_id, *waiting)
