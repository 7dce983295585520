"""Commands to procedures: Temporal Updates whose id comes of the request, so that a repetition gets the first answer.

A command is answered when it is recorded. One that is accepted but takes longer is answered 202 (`NotDoneYetError`);
one that could not be accepted in time was not taken (503).
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self, TypeVar, cast

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from api.problems import refusal_of
from models.clock import machine_time
from models.messages.procedure import Answer, Command, Identity, Message
from models.refusals import IdempotencyKeyReused, Unavailable
from workflows import schedules, search_attributes
from workflows.nudge import Nudged

A = TypeVar("A", bound=Answer)
# The SDK types an update with a description as if it returned its coroutine.
Update = UpdateMethodMultiParam[..., Coroutine[Any, Any, A]]
_RETRY_AFTER_SECONDS = 5
_SHOWN = tuple(key.name for key in (search_attributes.PROCEDURE, search_attributes.TENANT, search_attributes.SUBJECT))
_TAKEN_WITHIN = 0.8  # of our patience: the rest is for the news of it


class ProcedureGoneError(Exception):
    """The procedure's workflow has ended, or there never was one; the rows tell which."""


class NotDoneYetError(Exception):
    """Accepted and durable, but not recorded yet: 202."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity.procedure_id)
        self.identity = identity


@dataclass(frozen=True)
class Begun:
    """A procedure as Temporal shows it; `ended_at` is None while it is under way."""

    procedure_id: str
    kind: str
    tenant_id: str
    subject: str
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, info: WorkflowExecutionInfo) -> Self:
        fields = info.search_attributes.indexed_fields
        known = {name: json.loads(fields[name].data) for name in _SHOWN if name in fields}
        has_ended = info.HasField("close_time")
        return cls(
            procedure_id=info.execution.workflow_id,
            kind=known.get(search_attributes.PROCEDURE.name, ""),
            tenant_id=known.get(search_attributes.TENANT.name, ""),
            subject=known.get(search_attributes.SUBJECT.name, ""),
            started_at=info.start_time.ToDatetime(UTC),
            ended_at=info.close_time.ToDatetime(UTC) if has_ended else None,
        )


@contextlib.contextmanager
def parts_of_a_whole() -> Iterator[None]:
    """Around the commands of a route that does something more after them.

    To answer 202 over one that is accepted and not done yet would tell that the whole is, and nobody goes on with the
    rest. Whoever asked comes again, and finds the part done, or under way.

    Raises:
        Unavailable
    """
    try:
        yield
    except NotDoneYetError:
        raise Unavailable(retry_after=_RETRY_AFTER_SECONDS) from None


class Commands:
    def __init__(self, client: Client, task_queue: str, patience: timedelta) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience.total_seconds()

    async def start(
        self,
        workflow: Callable[..., Awaitable[Any]],
        command: Command,
        identity: Identity,
        *,
        answer: Update[A],
        summary: str,
        once_only: bool = True,
    ) -> A:
        """Begin a procedure and give its first answer. `summary` stands in the Temporal Web UI in plain words.

        `once_only`: an id is good for one procedure, also after its end.

        Raises:
            Refusal: the procedure refused to begin, or the key was used with another body.
            NotDoneYetError: it has begun and is not recorded yet.
            Unavailable: it has not begun.
        """
        reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE if once_only else WorkflowIDReusePolicy.ALLOW_DUPLICATE
        operation = self._starting(workflow, command, identity, reuse, summary)
        try:
            async with asyncio.timeout(self._patience):
                answered = await self._client.execute_update_with_start_workflow(
                    answer, args=[], id=command.command_id, start_workflow_operation=operation
                )
        except WorkflowUpdateFailedError as error:
            raise refusal_of(error) or error from None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await self._expect_begun(identity)
            raise NotDoneYetError(identity) from None
        except (RPCError, WorkflowAlreadyStartedError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.FAILED_PRECONDITION:
                # Its code fails; it goes on once that is mended.
                await self._expect_begun(identity)
                raise NotDoneYetError(identity) from None
            # The rehearsal's server and the real one say it differently.
            if isinstance(error, RPCError) and error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
            # It has ended; what it answered to this very command is still known.
            return await self.send(identity, answer, command, argument=False)
        return _same_request(cast("A", answered), command)

    async def tell(
        self,
        workflow: Callable[..., Awaitable[Any]],
        start: Message,
        identity: Identity,
        update: Update[A],
        command: Command,
        *,
        summary: str,
    ) -> A:
        """Tell a procedure, and begin it with that when it is not under way; give its answer.

        Raises: as `send`, but for `ProcedureGoneError`.
        """
        operation = self._starting(workflow, start, identity, WorkflowIDReusePolicy.ALLOW_DUPLICATE, summary)

        async def told(timely: Command) -> WorkflowUpdateHandle[Any]:
            return await self._client.start_update_with_start_workflow(
                update,
                args=[timely],
                id=command.command_id,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                start_workflow_operation=operation,
            )

        return cast("A", await self._answer(told, command, identity))

    async def begin(
        self, workflow: Callable[..., Awaitable[Any]], message: Message, identity: Identity, *, summary: str
    ) -> None:
        """Begin a procedure that nobody waits for. While one of that id runs, there is no second one.

        Raises:
            Unavailable: it has perhaps not begun.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._client.start_workflow(
                    workflow,
                    message,
                    id=identity.procedure_id,
                    task_queue=self._task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    search_attributes=search_attributes.of(identity),
                    static_summary=summary,
                )
        except TimeoutError:
            raise Unavailable(retry_after=_RETRY_AFTER_SECONDS) from None

    async def send(self, identity: Identity, update: Update[A], command: Command, *, argument: bool = True) -> A:
        """Tell a running procedure, and give its answer. `argument`: whether the update takes the command.

        Raises:
            Refusal: the procedure refused.
            ProcedureGoneError: it has ended.
            NotDoneYetError: accepted, not recorded yet.
            Unavailable: not accepted in time; nothing was taken.
        """
        handle = self._client.get_workflow_handle(identity.procedure_id)

        async def told(timely: Command) -> WorkflowUpdateHandle[Any]:
            return await handle.start_update(
                update,
                args=[timely] if argument else [],
                id=command.command_id,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            )

        try:
            return cast("A", await self._answer(told, command, identity))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise ProcedureGoneError from None
            raise

    async def nudge(self, procedure_id: str) -> None:
        """Have it look at the database again, if it is there. It would find out by itself when it is next due."""
        with contextlib.suppress(RPCError):
            await self._client.get_workflow_handle(procedure_id).signal(Nudged.look_again)

    async def keep_recurrences_in(self, time_zone: str, *, world_clock: bool) -> None:
        """See to what is done daily in every zone that a tenant has. Raises: RPCError: Temporal is out of reach."""
        await schedules.keep_in(self._client, self._task_queue, time_zone, world_clock=world_clock)

    async def next_recurrence(self) -> datetime | None:
        """Under rehearsal: when something that recurs is due next, or was and is under way."""
        return await schedules.next_on_world_clock(self._client)

    async def find(self, procedure_id: str) -> Begun | None:
        """What Temporal itself knows of a procedure that no row shows yet."""
        try:
            found = await self._describe(procedure_id)
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return None
            raise
        return Begun.of(found.workflow_execution_info)

    async def check_engine(self) -> None:
        """Raises: RPCError or RuntimeError: Temporal is out of reach."""
        await self._client.service_client.check_health(timeout=timedelta(seconds=2))

    async def has_worker(self) -> bool:
        """Whether a worker has polled for workflow tasks lately. The rehearsal's server cannot tell: taken for yes."""
        asked = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            described = await self._client.workflow_service.describe_task_queue(asked, timeout=timedelta(seconds=2))
        except RPCError as error:
            if error.status is RPCStatusCode.UNIMPLEMENTED:
                return True
            raise
        return bool(described.pollers)

    async def _answer(
        self, told: Callable[[Command], Awaitable[WorkflowUpdateHandle[Any]]], command: Command, identity: Identity
    ) -> Answer:
        accepted: WorkflowUpdateHandle[Any] | None = None
        good_until = machine_time() + timedelta(seconds=self._patience * _TAKEN_WITHIN)
        try:
            async with asyncio.timeout(self._patience):
                accepted = await told(command.model_copy(update={"good_until": good_until}))
                return _same_request(cast("Answer", await accepted.result()), command)
        except WorkflowUpdateFailedError as error:
            raise refusal_of(error) or error from None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            if accepted is None:
                raise Unavailable(retry_after=_RETRY_AFTER_SECONDS) from None
            raise NotDoneYetError(identity) from None

    def _starting(
        self,
        workflow: Callable[..., Awaitable[Any]],
        start: Message,
        identity: Identity,
        reuse: WorkflowIDReusePolicy,
        summary: str,
    ) -> WithStartWorkflowOperation[Any, Any]:
        operation = WithStartWorkflowOperation(
            workflow,
            start,
            id=identity.procedure_id,
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse,
            search_attributes=search_attributes.of(identity),
            static_summary=summary,
        )
        # Whoever sends it hears of a failure; unheard here, the log would tell of it once more, as of a mistake.
        asyncio.ensure_future(operation.workflow_handle()).add_done_callback(_heard)
        return operation

    async def _expect_begun(self, identity: Identity) -> None:
        try:
            await self._describe(identity.procedure_id)
        except (RPCError, RuntimeError):
            raise Unavailable(retry_after=_RETRY_AFTER_SECONDS) from None

    async def _describe(self, procedure_id: str) -> DescribeWorkflowExecutionResponse:
        # Not by the client's own `describe`: it cannot read the unset search attributes of the rehearsal's server.
        request = DescribeWorkflowExecutionRequest(
            namespace=self._client.namespace, execution=WorkflowExecution(workflow_id=procedure_id)
        )
        return await self._client.workflow_service.describe_workflow_execution(request, timeout=timedelta(seconds=1))


def register(app: FastAPI) -> None:
    """Answer what is accepted but not done with 202 and where to look."""
    app.add_exception_handler(NotDoneYetError, _accepted)


async def _accepted(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, NotDoneYetError):
        raise error
    identity = error.identity
    location = f"/v1/tenants/{identity.tenant_id}/procedures/{identity.procedure_id}"
    return JSONResponse(
        {"id": identity.procedure_id, "state": "accepted"}, HTTPStatus.ACCEPTED, headers={"Location": location}
    )


def _heard(begun: asyncio.Future[Any]) -> None:
    if not begun.cancelled():
        begun.exception()


def _same_request(answer: A, command: Command) -> A:
    """Two requests under one key that differ are told apart even when they come at once."""
    if answer.fingerprint != command.fingerprint:
        raise IdempotencyKeyReused
    return answer
