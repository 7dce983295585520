"""What every procedure does alike: show where it stands, deliver its mails, and wait for an operator when stuck."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError

from activities.mail import MailActivities, queue_of_mails
from activities.outcomes import refused
from activities.procedures import ProcedureActivities
from models.messages.procedure import (
    Answer,
    Attention,
    BeginProcedure,
    DeliverMails,
    Delivery,
    Identity,
    Message,
    RecordAttention,
    RecordEnd,
    RefusedMail,
    Resolve,
    SettleMail,
    Upcoming,
)
from models.refusals import Refusal, WrongState
from models.vocabulary import OperatorAction
from workflows import search_attributes
from workflows.current_details import current_details
from workflows.deadline_timers import holds_in_time
from workflows.patience import COMMAND, DATABASE, LEFT_ALONE, MAIL

A = TypeVar("A")
_REFUSED_MAIL = "mail-"
_NOT_TO_BE_SKIPPED = (OperatorAction.RETRY, OperatorAction.END)


class EndedByOperatorError(ApplicationError):
    """An operator has ended the procedure: its story stops here, and commands under way are refused."""

    def __init__(self) -> None:
        refusal = WrongState(state="ended")
        super().__init__(str(refusal), refusal.details(), type=refusal.code, non_retryable=True)


class Procedure:
    """The base of every procedure's workflow class."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._attention: dict[str, Attention] = {}
        self._resolution: dict[str, OperatorAction] = {}
        self._resolved_by = "operator"
        self._attention_records = 0
        self._recording_attention = asyncio.Lock()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._refused_mails: set[str] = set()
        self._settlements = Counter[str]()
        self._ended_by: str | None = None
        self._standing = ("starting", "the first record", list[Upcoming]())
        self._is_moving = False

    # The operator's side.

    @workflow.update(description="Decide for a step that is stuck: retry it, skip it, or end the procedure.")
    async def resolve(self, command: Resolve) -> Answer:
        what, detail = f"operator_{command.action}", {"reason": command.reason, "step": command.step or ""}
        steps = self._resolvable(command)
        await self._settle_attention(steps, command.action, actor=command.actor, what=what, detail=detail)
        return Answer(fingerprint=command.fingerprint, state=self._standing[0])

    @resolve.validator
    def _refuse_resolution(self, command: Resolve) -> None:
        if self._resolvable(command):
            return
        detail = "This step cannot be skipped." if self._attention else "The procedure does not wait for an operator."
        raise refused(WrongState(detail=detail, state=self._standing[0]))

    def _resolvable(self, command: Resolve) -> list[str]:
        """The steps that the command is for: the one it names, or all that the action is open to. An end is for all."""
        if command.action is OperatorAction.END:
            return list(self._attention)
        return [
            step
            for step, stuck in self._attention.items()
            if command.step in (None, step) and command.action in stuck.actions
        ]

    # What a procedure's story is told with.

    def stand(self, state: str, *, waiting_for: str, upcoming: list[Upcoming] | None = None) -> None:
        """Tell the Temporal Web UI where the procedure stands. The database is told by the step's own record."""
        self._standing = (state, waiting_for, upcoming or [])
        self._tell()

    async def wait_until(self, condition: Callable[[], bool], deadline: datetime | None, *, summary: str) -> bool:
        """Wait for the condition, and for the step that is being recorded; False when the deadline came first.

        A command in time that is being recorded while the deadline passes counts.

        Raises:
            EndedByOperatorError: an operator ended the procedure meanwhile.
        """
        in_time = await holds_in_time(lambda: condition() or self._cut_short_by is not None, deadline, summary=summary)
        await self._settled()
        if self._cut_short_by is not None:
            raise EndedByOperatorError
        return in_time or condition()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One step that changes the state at a time. Whoever waited judges by what has become of it meanwhile."""
        while self._is_moving:  # its end wakes everybody who waits, and one of them goes first
            await self._settled()
        self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False

    @property
    def is_moving(self) -> bool:
        """A step is being recorded. The database may know of it already, so no command is refused by the old state."""
        return self._is_moving

    async def record(
        self, activity: Callable[[Any, Any], Awaitable[A]], message: object, *, hears_commands: bool = False
    ) -> A:
        """Write a step into the database, in one transaction.

        `hears_commands`: commands reach the procedure meanwhile, as else they do only once it waits. For one of many
        steps in a row, and for nothing that an operator's end has to know of: the end does not wait for it.

        Raises:
            ApplicationError: the records refuse the step (its type is the refusal's code).
            EndedByOperatorError: an operator ended the procedure before the step was recorded.
        """
        try:
            return await self._write_until_it_is_done(activity, message, hears_commands=hears_commands)
        except asyncio.CancelledError:
            if self._cut_short_by is None:  # not asked for: the worker lets go of the workflow
                raise
            raise EndedByOperatorError from None

    async def begin(self, name: str, start: Message, identity: Identity, *, summary: str) -> None:
        """Begin another procedure, by its workflow's name. It outlives this one.

        It is no child: the world clock of a rehearsal never jumps again once a child has outlived its parent.
        """
        order = BeginProcedure(
            workflow=name,
            identity=identity,
            start=start.model_dump(mode="json"),
            search_attributes=search_attributes.named(identity),
            summary=summary,
        )
        await self.record(ProcedureActivities.begin_procedure, order)

    def deliver_mails(self) -> None:
        """Send what the last record has queued, without waiting for it (a dead mail server delays nothing)."""
        self._in_background(self._deliver())

    async def give_up_refused_mails(self, actor: str) -> None:
        """They matter to nobody any more: the person has another address, or is gone."""
        steps = [step for step in self._attention if step.startswith(_REFUSED_MAIL)]
        if steps:
            await self._settle_attention(steps, OperatorAction.SKIP, actor=actor, what="attention_settled", detail={})

    def is_finished(self) -> bool:
        """Every mail is delivered or given up, every command answered."""
        return not self._deliveries and workflow.all_handlers_finished()

    async def finish(self) -> None:
        try:
            await workflow.wait_condition(self.is_finished)
        except asyncio.CancelledError:
            if self._cut_short_by is None:  # not asked for: the worker lets go of the workflow
                raise
            # Cancelled at the very end: the refused mails that it waited for are left unsent.
            self._attention.clear()
            await self._record_attention(actor=self._cut_short_by, what="attention_settled", detail={})
            await workflow.wait_condition(self.is_finished)

    async def tell_story(self, story: Callable[[], Awaitable[None]]) -> None:
        """Run a procedure from first to last line, and end it in order also when an operator cuts it short."""
        try:
            await story()
        except EndedByOperatorError:
            pass
        except asyncio.CancelledError:
            if self._cut_short_by is None:
                raise
        if self._cut_short_by is not None:
            await self._end_in_order(self._cut_short_by)
        await self.finish()
        ended = current_details(
            self.identity, state=self._standing[0], waiting_for="nothing", upcoming=[], attention=[]
        )
        workflow.set_current_details(ended)

    async def close_subject(self, actor: str) -> None:
        """What an operator's end does to the procedure's own rows."""

    # Private steps.

    async def _write_until_it_is_done(
        self, activity: Callable[[Any, Any], Awaitable[A]], message: object, *, hears_commands: bool
    ) -> A:
        while True:
            try:
                return await _write(activity, message, _summary(activity), hears_commands=hears_commands)
            except FailureError as error:
                cause = _cause(error)
                if isinstance(cause, CancelledError):
                    raise EndedByOperatorError from None
                if isinstance(cause, ApplicationError) and cause.type in Refusal.known:
                    raise cause from None
                await self._ask_operator(activity.__name__, what_went_wrong(error), _NOT_TO_BE_SKIPPED)

    async def _settled(self) -> None:
        await workflow.wait_condition(lambda: not self._is_moving)

    @property
    def _cut_short_by(self) -> str | None:
        """Who ends the procedure early: whoever said so, or an operator by *Request Cancellation* in the Web UI."""
        return self._ended_by or ("operator" if workflow.cancellation_reason() is not None else None)

    async def _end_in_order(self, actor: str) -> None:
        self._attention.clear()
        try:
            await self.close_subject(actor)
        except ApplicationError:
            # It is closed already, or its rows are what was broken: the end is recorded all the same.
            workflow.logger.warning("the subject of an ended procedure could not be closed")
        end = RecordEnd(identity=self.identity, at=workflow.now(), actor=actor)
        with contextlib.suppress(EndedByOperatorError):
            await self.record(ProcedureActivities.record_end, end)
        self.stand("ended", waiting_for="nothing")

    async def _deliver(self) -> None:
        waiting = True
        while waiting:
            order = DeliverMails(
                tenant_id=self.identity.tenant_id,
                procedure_id=self.identity.procedure_id,
                reported=tuple(sorted(self._refused_mails)),
            )
            before = dict(self._settlements)
            delivery = await self._try_delivery(order)
            for mail in delivery.refused:
                # Deliveries overlap: another may have told of it, or an operator has settled it since this one began.
                is_news = self._settlements[mail.mail_id] == before.get(mail.mail_id, 0)
                if is_news and mail.mail_id not in self._refused_mails:
                    self._refused_mails.add(mail.mail_id)
                    self._in_background(self._settle(mail))
            waiting = delivery.waiting

    async def _try_delivery(self, order: DeliverMails) -> Delivery:
        while True:
            try:
                return await workflow.execute_activity_method(
                    MailActivities.deliver_mails,
                    order,
                    task_queue=queue_of_mails(workflow.info().task_queue),
                    summary="Send the mails that are due",
                    **MAIL,
                )
            except FailureError as error:
                if await self._ask_or_skip("deliver_mails", what_went_wrong(error)) is not OperatorAction.RETRY:
                    return Delivery()

    async def _settle(self, mail: RefusedMail) -> None:
        """Wait for what an operator wants done with a mail that no further try will deliver."""
        action = await self._ask_or_skip(_REFUSED_MAIL + mail.mail_id, mail.reason)
        order = SettleMail(
            tenant_id=self.identity.tenant_id,
            mail_id=mail.mail_id,
            action=action,
            at=workflow.now(),
            actor=self._resolved_by,
        )
        with contextlib.suppress(EndedByOperatorError):
            await self.record(MailActivities.settle_mail, order)
        self._refused_mails.discard(mail.mail_id)
        self._settlements[mail.mail_id] += 1
        if action is OperatorAction.RETRY:
            self.deliver_mails()

    async def _ask_or_skip(self, step: str, reason: str) -> OperatorAction:
        """The operator's word about a step that the story does not wait for. An end skips it."""
        try:
            return await self._ask_operator(step, reason, tuple(OperatorAction))
        except EndedByOperatorError:
            return OperatorAction.SKIP

    async def _ask_operator(self, step: str, reason: str, actions: tuple[OperatorAction, ...]) -> OperatorAction:
        """Raise attention and wait. Returns retry or skip.

        Raises:
            EndedByOperatorError: the operator ends the procedure, or has ended it.
        """
        if self._cut_short_by is None and step not in self._attention:
            self._resolution.pop(step, None)
            self._attention[step] = Attention(step=step, reason=reason, since=workflow.now(), actions=actions)
            await self._record_attention(actor="system", what="attention_raised", detail={"step": step})
        await workflow.wait_condition(lambda: step in self._resolution or self._cut_short_by is not None)
        if self._cut_short_by is not None:
            raise EndedByOperatorError
        return self._resolution[step]

    async def _settle_attention(
        self, steps: list[str], action: OperatorAction, *, actor: str, what: str, detail: dict[str, str]
    ) -> None:
        for step in steps:
            del self._attention[step]
        # Recorded before what comes of it, as it happens.
        await self._record_attention(actor=actor, what=what, detail=detail)
        self._resolved_by = actor
        if action is OperatorAction.END:
            self._ended_by = actor
        self._resolution |= dict.fromkeys(steps, action)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _record_attention(self, *, actor: str, what: str, detail: dict[str, str]) -> None:
        self._tell()
        async with self._recording_attention:  # one after the other: each record shows all that waits by then
            self._attention_records += 1
            message = RecordAttention(
                identity=self.identity,
                waiting=tuple(self._attention.values()),
                at=workflow.now(),
                actor=actor,
                what=what,
                number=self._attention_records,
                detail=detail,
            )
            try:
                await _write(ProcedureActivities.record_attention, message, what.replace("_", " "))
            except FailureError:
                # Temporal's own list and page show it all the same, and from there it is resolved.
                workflow.logger.warning("attention could not be recorded")

    def _tell(self) -> None:
        state, waiting_for, upcoming = self._standing
        due = min((step.at for step in upcoming), default=None)
        workflow.upsert_search_attributes(
            search_attributes.standing(state=state, attention=bool(self._attention), due_at=due)
        )
        workflow.set_current_details(
            current_details(
                self.identity,
                state=state,
                waiting_for=waiting_for,
                upcoming=upcoming,
                attention=self._attention.values(),
            )
        )


async def _write(
    activity: Callable[[Any, Any], Awaitable[A]], message: object, summary: str, *, hears_commands: bool = False
) -> A:
    """One transaction.

    The story's own steps are written within their workflow task. What a command writes waits until the command stands
    in the history: before that the engine has it in memory only, and a procedure that never hears of a command again
    would not know what it has done.
    """
    if hears_commands:
        return await workflow.execute_activity_method(activity, message, summary=summary, **LEFT_ALONE)
    if workflow.current_update_info() is None:
        return await workflow.execute_local_activity_method(activity, message, summary=summary, **DATABASE)
    return await workflow.execute_activity_method(activity, message, summary=summary, **COMMAND)


def _summary(activity: Callable[..., Any]) -> str:
    """What the Web UI's timeline says of a record: the first sentence of the activity's own description."""
    return (activity.__doc__ or activity.__name__.replace("_", " ")).strip().split("\n", 1)[0]


def _cause(error: FailureError) -> BaseException | None:
    """A local activity's failure comes as it is, any other's within an `ActivityError`."""
    return error.cause if isinstance(error, ActivityError) else error


def what_went_wrong(error: FailureError) -> str:
    """What went wrong, without the data it went wrong with."""
    cause = _cause(error)
    return cause.message if isinstance(cause, ApplicationError) else type(cause).__name__
