"""What every procedure does alike: show where it stands, deliver its mails, and wait for an operator when stuck."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from activities.mail import MailActivities
from activities.outcomes import refused
from activities.procedures import ProcedureActivities
from models.messages.procedure import (
    Answer,
    Attention,
    BeginProcedure,
    DeliverMails,
    Identity,
    Message,
    RecordAttention,
    RecordEnd,
    RefusedMails,
    Resolve,
    SettleMails,
    Upcoming,
)
from models.refusals import Refusal, WrongState
from models.vocabulary import OperatorAction
from workflows import search_attributes
from workflows.current_details import current_details
from workflows.patience import COMMAND, DATABASE, MAIL

A = TypeVar("A")


class EndedByOperatorError(Exception):
    """An operator has ended the procedure; its story stops here."""


class Procedure:
    """The base of every procedure's workflow class."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._attention: dict[str, Attention] = {}
        self._resolution: dict[str, OperatorAction] = {}
        self._attention_records = 0
        self._deliveries: set[asyncio.Task[None]] = set()
        self._ended_by: str | None = None
        self._standing = ("starting", "the first record", list[Upcoming]())

    # The operator's side.

    @workflow.update(description="Decide for a step that is stuck: retry it, skip it, or end the procedure.")
    async def resolve(self, command: Resolve) -> Answer:
        steps = [command.step] if command.step else list(self._attention)
        if command.action is OperatorAction.END:
            self._ended_by = command.actor
        for step in steps:
            self._resolution[step] = command.action
            del self._attention[step]
        await self._record_attention(
            None, actor=command.actor, what=f"operator_{command.action}", detail={"reason": command.reason}
        )
        return Answer(fingerprint=command.fingerprint, state=self._standing[0])

    @resolve.validator
    def _refuse_resolution(self, command: Resolve) -> None:
        if not self._attention or (command.step and command.step not in self._attention):
            raise refused(WrongState(detail="The procedure does not wait for an operator.", state=self._standing[0]))

    # What a procedure's story is told with.

    def stand(self, state: str, *, waiting_for: str, upcoming: list[Upcoming] | None = None) -> None:
        """Tell the Temporal Web UI where the procedure stands. The database is told by the step's own record."""
        self._standing = (state, waiting_for, upcoming or [])
        self._tell()

    async def wait_until(self, condition: Callable[[], bool], deadline: datetime | None, *, summary: str) -> bool:
        """Wait for the condition; False when the deadline came first.

        Raises:
            EndedByOperatorError: an operator ended the procedure meanwhile.
        """
        timeout = None if deadline is None else max(deadline - workflow.now(), timedelta(0))
        try:
            await workflow.wait_condition(
                lambda: condition() or self._cut_short_by is not None, timeout=timeout, timeout_summary=summary
            )
        except TimeoutError:
            return condition()
        if self._cut_short_by is not None:
            raise EndedByOperatorError
        return True

    async def record(self, activity: Callable[[Any, Any], Awaitable[A]], message: object) -> A:
        """Write a step into the database, in one transaction.

        Raises:
            ApplicationError: the records refuse the step (its type is the refusal's code).
            EndedByOperatorError: the step was stuck and an operator ended the procedure.
        """
        while True:
            try:
                return await _write(activity, message, _summary(activity))
            except ActivityError as error:
                cause = error.cause
                if isinstance(cause, CancelledError):
                    raise EndedByOperatorError from None
                if isinstance(cause, ApplicationError) and cause.type in Refusal.known:
                    raise cause from None
                await self._ask_operator("records", f"{activity.__name__}: {type(cause).__name__}")

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
        task = asyncio.create_task(self._deliver())
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def finish(self) -> None:
        """Before the end: every mail delivered or given up, every command answered."""
        await workflow.wait_condition(lambda: not self._deliveries and workflow.all_handlers_finished())

    async def tell_story(self, story: Callable[[], Awaitable[None]]) -> None:
        """Run a procedure from first to last line, and end it in order also when an operator cuts it short."""
        try:
            await story()
        except EndedByOperatorError:
            await self._end_in_order()
        except asyncio.CancelledError:
            if self._cut_short_by is None:  # not asked for: the worker lets go of the workflow
                raise
            await self._end_in_order()
        await self.finish()

    async def close_subject(self, actor: str) -> None:
        """What an operator's end does to the procedure's own rows."""

    # Private steps.

    @property
    def _cut_short_by(self) -> str | None:
        """Who ends the procedure early: whoever said so, or an operator by *Request Cancellation* in the Web UI."""
        return self._ended_by or ("operator" if workflow.cancellation_reason() is not None else None)

    async def _end_in_order(self) -> None:
        actor = self._cut_short_by or "operator"
        self._attention.clear()
        await self.close_subject(actor)
        await self.record(
            ProcedureActivities.record_end, RecordEnd(identity=self.identity, at=workflow.now(), actor=actor)
        )
        self.stand("ended", waiting_for="nothing")

    async def _deliver(self) -> None:
        order = DeliverMails(tenant_id=self.identity.tenant_id, procedure_id=self.identity.procedure_id)
        while True:
            refused: RefusedMails = await workflow.execute_activity_method(
                MailActivities.deliver_mails, order, summary="Send the mails that are due", **MAIL
            )
            if not refused.mail_ids:
                return
            try:
                action = await self._ask_operator("mail", refused.reason)
            except EndedByOperatorError:
                action = OperatorAction.SKIP
            await _write(
                MailActivities.settle_mails,
                SettleMails(
                    tenant_id=order.tenant_id,
                    procedure_id=order.procedure_id,
                    mail_ids=refused.mail_ids,
                    action=action,
                    at=workflow.now(),
                ),
                f"The refused mails: {action}",
            )
            if action is not OperatorAction.RETRY:
                return

    async def _ask_operator(self, step: str, reason: str) -> OperatorAction:
        """Raise attention and wait. Returns retry or skip."""
        if self._cut_short_by is not None:
            raise EndedByOperatorError
        if step not in self._attention:
            self._attention[step] = Attention(step=step, reason=reason, since=workflow.now())
            self._resolution.pop(step, None)
            await self._record_attention(self._attention[step], actor="system", what="attention_raised")
        await workflow.wait_condition(lambda: step in self._resolution or self._cut_short_by is not None)
        if self._cut_short_by is not None:
            raise EndedByOperatorError
        return self._resolution[step]

    async def _record_attention(
        self, attention: Attention | None, *, actor: str, what: str, detail: dict[str, str] | None = None
    ) -> None:
        self._attention_records += 1
        self._tell()
        shown = attention or next(iter(self._attention.values()), None)
        await _write(
            ProcedureActivities.record_attention,
            RecordAttention(
                identity=self.identity,
                attention=shown,
                at=workflow.now(),
                actor=actor,
                what=what,
                number=self._attention_records,
                detail=detail or {},
            ),
            what.replace("_", " ") + (f": {attention.step}" if attention else ""),
        )

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


async def _write(activity: Callable[[Any, Any], Awaitable[A]], message: object, summary: str) -> A:
    """One transaction.

    The story's own steps are written within their workflow task. What a command writes waits until the command stands
    in the history: before that the engine has it in memory only, and a procedure that never hears of a command again
    would not know what it has done.
    """
    if workflow.current_update_info() is None:
        return await workflow.execute_local_activity_method(activity, message, summary=summary, **DATABASE)
    return await workflow.execute_activity_method(activity, message, summary=summary, **COMMAND)


def _summary(activity: Callable[..., Any]) -> str:
    """What the Web UI's timeline says of a record: the first sentence of the activity's own description."""
    return (activity.__doc__ or activity.__name__.replace("_", " ")).strip().split("\n", 1)[0]
