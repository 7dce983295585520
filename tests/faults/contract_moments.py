"""The twenty moments from a contract's cancellation over its end and its kit to the undo, at which a part is killed."""

from tests.faults.moments import Moment, answered, at_commit, before, in_mail, inside
from tests.faults.sink import Stage

LAST_BEFORE_THE_END = 5
MOMENTS = [
    Moment(number, name, play)
    for number, (name, play) in enumerate(
        [
            ("before the cancellation is sent", before("cancel")),
            ("cancellation written, not committed", inside("cancel", "contract_cancelled")),
            ("cancellation committed, nobody told", at_commit("cancel", "contract_cancelled")),
            ("cancellation mail, after its final dot", in_mail("cancel", Stage.AFTER_DOT, "staff")),
            ("cancellation answered", answered("cancel")),
            ("end written, not committed", inside("cancel", "contract_ended")),
            ("end committed, nobody told", at_commit("cancel", "contract_ended")),
            ("kit planned, not committed", inside("cancel", "return_kits_planned")),
            ("kit planned and committed, nobody told", at_commit("cancel", "return_kits_planned")),
            ("kit asked for, not committed", inside("cancel", "return_kit_requested")),
            ("kit asked for, nobody told", at_commit("cancel", "return_kit_requested")),
            ("sending committed, nobody told", at_commit("send", "return_kit_reported_shipped")),
            ("kit's mail, after its final dot", in_mail("send", Stage.AFTER_DOT, "contact")),
            ("charge written, not committed", inside("send", "return_kit_unreturned")),
            ("charge committed, nobody told", at_commit("send", "return_kit_unreturned")),
            ("undo written, not committed", inside("undo", "cancellation_undone")),
            ("undo committed, nobody told", at_commit("undo", "cancellation_undone")),
            ("kits undone, nobody told", at_commit("undo", "return_kits_undone")),
            ("recall and reversal, not committed", inside("undo", "return_kit_undone")),
            ("recall mail, after its final dot", in_mail("undo", Stage.AFTER_DOT, "contact")),
        ],
        start=1,
    )
]
