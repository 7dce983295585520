"""A tenant's notification addresses: a new list of them, and the confirmation of each new address (SET-06).

The list is changed in one step. Each address that is new in it then waits by itself for the button behind its mailed
link; until that is pressed, the address it replaces stays in use. A newer list withdraws what is no longer wanted.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.notification_address import CHANGED, NotificationAddressActivities
from activities.outcomes import refused
from models.messages.notification_address_steps import (
    AddressesChanged,
    AwaitConfirmation,
    ChangeAddresses,
    RecordAddressChange,
    RecordAddressEnd,
)
from models.messages.procedure import Answer, Command, Step, Upcoming
from models.refusals import LinkExpired, LinkWithdrawn
from models.vocabulary import AddressChangeState
from workflows.nudge import Nudged, nudge
from workflows.procedure import Procedure


@workflow.defn(name="NotificationAddressChange")
class NotificationAddressChange(Procedure):
    """A new list. It is over as soon as it is recorded and its confirmations have begun."""

    @workflow.init
    def __init__(self, command: ChangeAddresses) -> None:
        super().__init__(command.identity)
        self._command = command
        self._changed: AddressesChanged | None = None
        self._refusal: ApplicationError | None = None

    @workflow.run
    async def run(self, command: ChangeAddresses) -> None:
        await self.tell_story(self._story)

    async def _story(self) -> None:
        step = Step(identity=self.identity, step="change", at=workflow.now(), actor=self._command.actor)
        message = RecordAddressChange(**step.model_dump(), command=self._command)
        try:
            self._changed = await self.record(NotificationAddressActivities.record_address_change, message)
        except ApplicationError as refusal:
            self._refusal = refusal
            return
        self.stand(CHANGED, waiting_for="nothing")
        await asyncio.gather(
            *(self._begin_confirmation(begun) for begun in self._changed.begun),
            *(nudge(withdrawn) for withdrawn in self._changed.withdrawn),
        )

    async def _begin_confirmation(self, start: AwaitConfirmation) -> None:
        tenant_id = start.identity.tenant_id
        summary = f"Confirmation of a notification address of {tenant_id}"
        await self.begin("NotificationAddress", start, start.identity, summary=summary)

    @workflow.update(description="The answer to whoever sent the list, once it is recorded.")
    async def changed(self) -> AddressesChanged:
        await workflow.wait_condition(lambda: self._changed is not None or self._refusal is not None)
        if self._changed is None:
            raise self._refusal or RuntimeError
        return self._changed


@workflow.defn(name="NotificationAddress")
class NotificationAddress(Nudged, Procedure):
    """One new address, waiting for its button."""

    @workflow.init
    def __init__(self, start: AwaitConfirmation) -> None:
        super().__init__(start.identity)
        self._expires_at = start.expires_at
        self._state = AddressChangeState.PENDING

    @workflow.run
    async def run(self, start: AwaitConfirmation) -> AddressChangeState:
        await self.tell_story(self._story)
        return self._state

    async def _story(self) -> None:
        self.stand(
            AddressChangeState.PENDING,
            waiting_for="the button behind the mailed link to be pressed",
            upcoming=[Upcoming(at=self._expires_at, what="expire")],
        )
        await self._look()
        self.deliver_mails()
        while self._is_pending():
            await self.wait_until(
                lambda: not self._is_pending() or self.nudged, self._expires_at, summary="The link expires"
            )
            if self._is_pending() and self.nudged:
                await self._look()
            elif self._is_pending():
                await self._end(AddressChangeState.EXPIRED, step="end", actor="system")
        self.stand(self._state, waiting_for="nothing")
        await self.give_up_refused_mails("system")

    # Commands.

    @workflow.update(description="The button behind the mailed link is pressed: the address is in use from now on.")
    async def confirm(self, command: Command) -> Answer:
        async with self.turn():
            self._refuse_unless_pending()
            answer = await self.record(
                NotificationAddressActivities.record_address_confirmation, self._step("confirm", command.actor)
            )
            self._state = AddressChangeState.VERIFIED
        return answer.model_copy(update={"fingerprint": command.fingerprint})

    @confirm.validator
    def _refuse_confirmation(self, command: Command) -> None:
        if not self.is_moving:  # whoever comes while a step is being recorded is judged in turn
            self._refuse_unless_pending()
        if workflow.now() >= self._expires_at:
            raise refused(LinkExpired(state=AddressChangeState.EXPIRED))

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        await self._end(AddressChangeState.WITHDRAWN, step="end-by-operator", actor=actor)

    async def _look(self) -> None:
        """Whether the address is still wanted: a newer list may have been recorded even before this began."""
        self.nudged = False
        state = await self.record(NotificationAddressActivities.find_address_state, self.identity)
        if not self.is_moving and self._is_pending():
            self._state = state

    async def _end(self, state: AddressChangeState, *, step: str, actor: str) -> None:
        message = RecordAddressEnd(**self._step(step, actor).model_dump(), state=state)
        async with self.turn():
            try:
                await self.record(NotificationAddressActivities.record_address_end, message)
                self._state = state
            except ApplicationError:
                self._state = AddressChangeState.WITHDRAWN

    def _is_pending(self) -> bool:
        return self._state is AddressChangeState.PENDING

    def _refuse_unless_pending(self) -> None:
        if not self._is_pending():
            raise refused(LinkWithdrawn(state=self._state))

    def _step(self, step: str, actor: str) -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)
