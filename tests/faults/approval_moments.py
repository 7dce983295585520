"""The moments from a request over its approval to the end of what it allowed, at which a part is killed."""

from tests.faults.moments import Moment, answered, at_commit, before, in_mail, inside, under_way
from tests.faults.sink import Stage

SUPPORT = [
    Moment(number, name, play)
    for number, (name, play) in enumerate(
        [
            ("request committed, nobody told", at_commit("request", "remote_support_requested")),
            ("approval mail, after its final dot", in_mail("request", Stage.AFTER_DOT, "decides")),
            ("approval written, not committed", inside("approve", "approver_approved")),
            ("approval committed, nobody told", at_commit("approve", "approver_approved")),
            ("approval answered, device told", answered("approve", 10)),
            ("order to the device committed", at_commit("approve", "remote_support_starting")),
            ("session written, not committed", inside("approve", "remote_support_device_succeeded")),
            ("session committed, nobody told", at_commit("approve", "remote_support_device_succeeded")),
            ("password's mail, after its final dot", in_mail("approve", Stage.AFTER_DOT, "decides")),
            ("end committed, nobody told", at_commit("end", "remote_support_ended")),
            ("end answered, device told", answered("end", 10)),
        ],
        start=1,
    )
]
TIME = [
    Moment(12, "time over, end written, not committed", inside("run_out", "remote_support_ended")),
    Moment(13, "time over, end committed", at_commit("run_out", "remote_support_ended")),
]
VIEWER = [
    Moment(number, name, play)
    for number, (name, play) in enumerate(
        [
            ("before the PC's request is sent", before("ask")),
            ("PC's request committed", at_commit("ask", "viewer_requested")),
            ("PC's approval committed, nobody told", at_commit("approve", "approver_approved")),
            ("token written, not committed", inside("approve", "viewer_token_sent")),
            ("token's mail, after its final dot", in_mail("approve", Stage.AFTER_DOT, "asks")),
            ("token's entry under way, 10 ms", under_way("enter", 10)),
            ("token's entry written, not committed", inside("enter", "viewer_allowed")),
            ("token's entry committed, nobody told", at_commit("enter", "viewer_allowed")),
            ("before the revocation is sent", before("revoke")),
            ("revocation committed, nobody told", at_commit("revoke", "viewer_revoked")),
        ],
        start=14,
    )
]
