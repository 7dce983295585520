"""The twelve moments from a restart's schedule over its slot to the device's return, at which a part is killed."""

from tests.faults.moments import Moment, answered, at_commit, before, in_mail, inside, under_way
from tests.faults.sink import Stage

LAST_BEFORE_THE_SLOT = 6
MOMENTS = [
    Moment(number, name, play)
    for number, (name, play) in enumerate(
        [
            ("before the replacement is sent", before("replace")),
            ("replacement under way, 10 ms", under_way("replace", 10)),
            ("replacement written, not committed", inside("replace", "restart_scheduled")),
            ("replacement committed, nobody told", at_commit("replace", "restart_scheduled")),
            ("replacement's mail, after its final dot", in_mail("replace", Stage.AFTER_DOT, "contact")),
            ("replacement answered", answered("replace")),
            ("slot written, not committed", inside("replace", "restart_slot_reached")),
            ("slot committed, nobody told", at_commit("replace", "restart_slot_reached")),
            ("beginning written, not committed", inside("replace", "restart_in_progress")),
            ("beginning committed, nobody told", at_commit("replace", "restart_in_progress")),
            ("return written, not committed", inside("replace", "restart_succeeded")),
            ("return committed, nobody told", at_commit("replace", "restart_succeeded")),
        ],
        start=1,
    )
]
