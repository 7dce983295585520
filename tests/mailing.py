"""A procedure of tests that has nothing but mails to send."""

from temporalio import workflow

from models.messages.procedure import Identity
from workflows.procedure import Procedure

DELIVERIES = 110
"""More than a worker does at once."""


@workflow.defn
class Mailing(Procedure):
    """Has its mails delivered as often at once as many procedures together would."""

    @workflow.init
    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)

    @workflow.run
    async def run(self, identity: Identity) -> None:
        for _ in range(DELIVERIES):
            self.deliver_mails()
        await self.finish()
