"""The notice of a locked account (AUT-03): one mail for each lock, to the account's address.

The lock itself is a row that ends by the clock (AUT-02); nobody waits for it here. For an address that has no account
the workflow is started all the same, so that both take alike, and ends at once.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.account_lock import AccountLockActivities
from models.messages.account_lock_steps import LockNotice, RecordLock
from models.vocabulary import LockState
from workflows.procedure import Procedure


@workflow.defn(name="AccountLock")
class AccountLock(Procedure):
    @workflow.init
    def __init__(self, notice: LockNotice) -> None:
        super().__init__(notice.identity)
        self._notice = notice
        self._state = LockState.NOT_LOCKED

    @workflow.run
    async def run(self, notice: LockNotice) -> LockState:
        if notice.person_id is not None:
            await self.tell_story(self._story)
        return self._state

    async def _story(self) -> None:
        step = RecordLock(identity=self.identity, step="locked", at=workflow.now(), actor="system", notice=self._notice)
        try:
            recorded = await self.record(AccountLockActivities.record_account_lock, step)
        except ApplicationError:
            return  # the account has gone since
        self._state = LockState(recorded.state)
        self.stand(self._state, waiting_for="nothing but its mail's delivery")
        if self._state is LockState.LOCKED:
            self.deliver_mails()
