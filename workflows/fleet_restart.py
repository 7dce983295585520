"""The restart of many UTMs, spread over slots (RST-08).

The plan is written in one step. Then the UTMs get their schedules, a few dozen in a transaction, and their own
procedures look after them; this one watches until each is over. Cancelled, what has not begun does not begin any more:
that is recorded and answered at once, and the schedules are taken back as they were given, batch by batch.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.fleet_restart import FleetRestartActivities
from activities.outcomes import refused
from activities.procedures import ProcedureActivities
from models.device_vocabulary import FleetRestartState
from models.messages.procedure import BeginProcedure, BeginProcedures, Command, Step, Upcoming
from models.messages.restart_steps import FleetResumed, FleetStanding, FleetStart, RecordFleet
from models.refusals import WrongState
from workflows import search_attributes
from workflows.procedure import Procedure

_HEARS_COMMANDS = "commands-between-batches"
_LONG_HISTORY = 200


@workflow.defn(name="FleetRestart")
class FleetRestart(Procedure):
    @workflow.init
    def __init__(self, start: FleetStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._standing_now: FleetStanding | None = None
        self._refusal: ApplicationError | None = None
        self._batches = 0
        self._cancelled_by = start.actor
        self._hears_commands = False
        if start.resumed is not None:
            self._standing_now = start.resumed.standing
            self._batches = start.resumed.batches
            self._cancelled_by = start.resumed.cancelled_by

    @workflow.run
    async def run(self, start: FleetStart) -> str:
        await self.tell_story(self._story)
        return self._standing_now.state if self._standing_now else "refused"

    async def _story(self) -> None:
        if self._start.resumed is not None:
            self._take(self._recorded)
        elif not await self._ask():
            return
        self._hears_commands = workflow.patched(_HEARS_COMMANDS)
        while self._is_under_way():
            if self._can_continue_as_new():
                self._continue_as_new()
            async with self.turn():
                await self._go_on()
            if self._is_under_way():
                await self._wait()

    async def _ask(self) -> bool:
        message = RecordFleet(**self._step("ask", self._start.actor).model_dump(), start=self._start)
        try:
            self._take(await self.record(FleetRestartActivities.record_fleet_restart, message))
        except ApplicationError as refusal:
            self._refusal = refusal
            return False
        return True

    async def _wait(self) -> None:
        """Until it is time to look, or it is cancelled. With batches left only for a cancellation that has come."""
        more = self._has_a_batch_left()
        if more and not self._hears_commands:
            return
        await self.wait_until(
            lambda: more or not self._is_going_on(),
            None if more else self._recorded.look_at,
            summary="Look which restarts are over",
        )

    async def _go_on(self) -> None:
        """The next batch gets its schedules, or loses them; with all of them scheduled, look how far they are."""
        if self._recorded.to_take_back:
            await self._take_back()
            return
        if not self._is_going_on():
            return
        if self._recorded.planned:
            self._batches += 1
            step = self._step(f"batch-{self._batches}", "system")
            self._take(await self.record(FleetRestartActivities.record_fleet_batch, step))
            await self._wake()
        else:
            self._take(await self.record(FleetRestartActivities.find_fleet_standing, self._step("look", "system")))
        if not self._recorded.open:
            self._take(await self.record(FleetRestartActivities.record_fleet_end, self._step("end", "system")))

    # Commands.

    @workflow.update(description="The answer to whoever asked for it, once the plan is recorded.")
    async def begun(self) -> FleetStanding:
        await workflow.wait_condition(lambda: self._standing_now is not None or self._refusal is not None)
        if self._standing_now is None:
            raise self._refusal or RuntimeError
        return self._standing_now.model_copy(update={"fingerprint": self._start.fingerprint})

    @workflow.update(description="Cancel it as one: what has not begun does not begin any more.")
    async def cancel(self, command: Command) -> FleetStanding:
        async with self.turn():
            self._refuse_unless_going_on()
            await self._cancel(f"cancel-{command.command_id}", command.actor)
        return self._recorded.model_copy(update={"fingerprint": command.fingerprint})

    @cancel.validator
    def _refuse_cancellation(self, command: Command) -> None:
        if not self.is_moving:  # whoever comes while a step is being recorded is judged in turn
            self._refuse_unless_going_on()

    # Private steps.

    @property
    def _recorded(self) -> FleetStanding:
        if self._standing_now is None:
            raise refused(WrongState(state="starting"))
        return self._standing_now

    async def close_subject(self, actor: str) -> None:
        await self._cancel("end-by-operator", actor)
        while self._recorded.to_take_back:
            await self._take_back()

    async def _cancel(self, step: str, actor: str) -> None:
        self._cancelled_by = actor
        self._take(await self.record(FleetRestartActivities.record_fleet_cancel, self._step(step, actor)))
        await self._wake()

    async def _take_back(self) -> None:
        self._batches += 1
        step = self._step(f"taken-back-{self._batches}", self._cancelled_by)
        self._take(await self.record(FleetRestartActivities.record_fleet_taken_back, step))
        await self._wake()

    async def _wake(self) -> None:
        """The UTMs' own procedures look at their rows; those that are not there begin."""
        orders = [
            BeginProcedure(
                workflow="Restart",
                identity=start.identity,
                start=start.model_dump(mode="json"),
                search_attributes=search_attributes.named(start.identity),
                summary=f"Restarts of UTM {start.identity.subject} of {start.identity.tenant_id}",
                anew=True,
            )
            for start in self._recorded.begun
        ]
        message = BeginProcedures(orders=tuple(orders))
        await self.record(ProcedureActivities.begin_procedures, message, hears_commands=self._hears_commands)

    def _take(self, standing: FleetStanding) -> None:
        self._standing_now = standing
        going_on = standing.state == FleetRestartState.IN_PROGRESS
        upcoming = [Upcoming(at=standing.look_at, what="look_at_restarts")] if going_on and standing.look_at else []
        waiting_for = f"{standing.open} restarts to be over" if going_on else "nothing"
        if standing.to_take_back:
            waiting_for = "the rest to be taken back"
        self.stand(standing.state, waiting_for=waiting_for, upcoming=upcoming)

    def _is_going_on(self) -> bool:
        return self._standing_now is not None and self._standing_now.state == FleetRestartState.IN_PROGRESS

    def _can_continue_as_new(self) -> bool:
        """Much has happened, and no command is under way: of however many UTMs it is, each run stays short."""
        is_long = workflow.info().get_current_history_length() > _LONG_HISTORY
        return is_long and self._hears_commands and not self.is_moving and self.is_finished()

    def _continue_as_new(self) -> None:
        standing = self._recorded.model_copy(update={"begun": ()})
        resumed = FleetResumed(standing=standing, batches=self._batches, cancelled_by=self._cancelled_by)
        workflow.continue_as_new(self._start.model_copy(update={"resumed": resumed}))

    def _is_under_way(self) -> bool:
        return self._is_going_on() or self._recorded.to_take_back

    def _has_a_batch_left(self) -> bool:
        return self._recorded.to_take_back or (self._is_going_on() and self._recorded.planned > 0)

    def _refuse_unless_going_on(self) -> None:
        if not self._is_going_on():
            raise refused(WrongState(state=self._standing_now.state if self._standing_now else "starting"))

    def _step(self, step: str, actor: str) -> Step:
        return Step(identity=self.identity, step=step, at=workflow.now(), actor=actor)
