"""The restarts of one UTM (RST-01…07): at once, or at a slot that waits as long as it takes.

One workflow per UTM, so that two restarts never overlap. It lives as long as something is scheduled or under way; the
next request begins it anew. The command to the device is on offer by its row, from the slot on, so no device waits for
a workflow: this one takes note that the slot has come, gives up what nobody confirms, and hears what the device says.
"""

from dataclasses import dataclass, field

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.outcomes import refused
from activities.restart import RestartActivities
from models.device_refusals import RestartInProgress
from models.device_vocabulary import RestartState
from models.messages.procedure import Upcoming
from models.messages.restart_steps import (
    AskRestart,
    OpenRestart,
    RecordRestartReport,
    RecordRestartRequest,
    ReportRestart,
    RestartCommand,
    RestartStanding,
    RestartStart,
    RestartStep,
)
from models.refusals import WrongState
from workflows.nudge import Nudged
from workflows.procedure import EndedByOperatorError, Procedure

_STARTING = "starting"


@dataclass
class State:
    standing: RestartStanding = field(default_factory=lambda: RestartStanding(state=_STARTING))


@workflow.defn(name="Restart")
class Restart(Nudged, Procedure):
    @workflow.init
    def __init__(self, start: RestartStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._now = State()

    @workflow.run
    async def run(self, start: RestartStart) -> str:
        await self.tell_story(self._story)
        return self._now.standing.state

    async def _story(self) -> None:
        async with self.turn():
            if self._now.standing.state == _STARTING:  # else the request that began it has told how things stand
                await self._look()
        while self._next() is not None or not self.is_finished():
            await self._wait()
            async with self.turn():
                await self._do_what_is_due()
                if self.nudged:
                    await self._look()

    async def _wait(self) -> None:
        """Until something is due, or changes; with nothing open, until the last mails are out and commands answered."""
        standing, due = self._now.standing, self._next()
        await self.wait_until(
            lambda: self._now.standing is not standing or self.nudged or (due is None and self.is_finished()),
            due.at if due else None,
            summary=due.what.replace("_", " ").capitalize() if due else "",
        )

    # Commands.

    @workflow.update(description="Restart the UTM at once, or at a slot (RST-02, RST-03).")
    async def ask(self, command: AskRestart) -> RestartStanding:
        async with self.turn():
            await self._catch_up(command)
            self._judge(command)
            step = self._step(f"request-{command.command_id}", command.restart_id, actor=command.actor)
            message = RecordRestartRequest(**step.model_dump(), slot=command.at)
            return self._take(await self.record(RestartActivities.record_restart_request, message), command)

    @workflow.update(description="Take the scheduled restart back (RST-04).")
    async def cancel(self, command: AskRestart) -> RestartStanding:
        async with self.turn():
            await self._catch_up(command)
            self._refuse_unless_scheduled()
            scheduled = self._now.standing.scheduled
            restart_id = scheduled.restart_id if scheduled else ""
            step = self._step(f"cancel-{command.command_id}", restart_id, actor=command.actor)
            return self._take(await self.record(RestartActivities.record_restart_cancel, step), command)

    @workflow.update(description="The device says how far it is.")
    async def report(self, command: ReportRestart) -> RestartStanding:
        async with self.turn():
            await self._catch_up(command)
            step = self._step(f"report-{command.command_id}", command.restart_id, actor=command.actor)
            message = RecordRestartReport(**step.model_dump(), state=command.state, detail=command.detail)
            return self._take(await self.record(RestartActivities.record_restart_report, message), command)

    @cancel.validator
    def _take_cancel(self, command: AskRestart) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    @report.validator
    def _take_report(self, command: ReportRestart) -> None:
        """In every state; but not when it comes too late (late_commands.py)."""

    @ask.validator
    def _refuse_request(self, command: AskRestart) -> None:
        if not self.is_moving and not self._is_news(command):  # else it is judged in turn
            self._judge(command)

    # Private steps.

    async def close_subject(self, actor: str) -> None:
        self._take(await self.record(RestartActivities.record_restart_end, self._step("end", "", actor=actor)))

    async def _look(self) -> None:
        """A fleet restart or the UTM's deletion may have changed the rows; it may have been registered anew."""
        self.nudged = False
        found = await self.record(RestartActivities.find_restarts, self._start)
        registration_id = found.registration_id or self._start.registration_id
        self._start = self._start.model_copy(update={"registration_id": registration_id})
        self._take(found)

    async def _catch_up(self, command: RestartCommand) -> None:
        if self._is_news(command):
            await self._look()
        await self._do_what_is_due()

    def _is_news(self, command: RestartCommand) -> bool:
        """The UTM has been registered anew; what was open at the registration before has ended with that (UTM-04)."""
        return command.registration_id not in (None, self._start.registration_id)

    async def _do_what_is_due(self) -> None:
        while (due := self._due()) is not None:
            await self._do(due)

    async def _do(self, due: OpenRestart) -> None:
        if due.state is not RestartState.SCHEDULED:
            step = self._step(f"given-up-{due.restart_id}", due.restart_id)
            self._take(await self.record(RestartActivities.record_restart_given_up, step))
            return
        if due.missed_at is not None and workflow.now() > due.missed_at:
            step = self._step(f"missed-{due.restart_id}", due.restart_id)
            try:
                self._take(await self.record(RestartActivities.record_restart_missed, step))
            except EndedByOperatorError:
                raise
            except ApplicationError:
                workflow.logger.info("it is not scheduled any more")  # the next record finds out what became of it
            else:
                return
        step = self._step(f"slot-{due.restart_id}", due.restart_id)
        self._take(await self.record(RestartActivities.record_restart_slot, step))

    def _due(self) -> OpenRestart | None:
        """What has to be done now. A slot that comes while another restart is under way waits for its end."""
        standing = self._now.standing
        foremost = standing.current or standing.scheduled
        return foremost if foremost is not None and workflow.now() >= foremost.due_at else None

    def _next(self) -> Upcoming | None:
        standing = self._now.standing
        if standing.current is not None:
            return Upcoming(at=standing.current.due_at, what="give_up_restart")
        return Upcoming(at=standing.scheduled.due_at, what="restart") if standing.scheduled else None

    def _take(self, standing: RestartStanding, command: AskRestart | ReportRestart | None = None) -> RestartStanding:
        self._now.standing = standing
        upcoming = self._next()
        foremost = standing.current or standing.scheduled
        self.stand(
            foremost.state if foremost else standing.state,
            waiting_for=_WAITING_FOR.get(foremost.state, "the device to answer") if foremost else "nothing",
            upcoming=[upcoming] if upcoming else [],
        )
        if standing.mails:
            self.deliver_mails()
        return standing.model_copy(update={"fingerprint": command.fingerprint if command else ""})

    def _judge(self, command: AskRestart) -> None:
        current = self._now.standing.current
        if command.at is None and current is not None:
            raise refused(RestartInProgress(state=current.state))

    def _refuse_unless_scheduled(self) -> None:
        standing = self._now.standing
        if standing.scheduled is None:
            raise refused(WrongState(state=standing.current.state if standing.current else "none"))

    def _step(self, step: str, restart_id: str, *, actor: str = "system") -> RestartStep:
        return RestartStep(
            identity=self.identity,
            step=step if restart_id else f"{step}-{workflow.info().run_id}",
            at=workflow.now(),
            actor=actor,
            registration_id=self._start.registration_id,
            restart_id=restart_id,
        )


_WAITING_FOR = {RestartState.SCHEDULED: "the slot"}
