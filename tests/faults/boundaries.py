"""The boundaries of a procedure's history, in the worker's own process: it counts them, and dies at one of them.

At a boundary engine, worker and database may know different things: a workflow task or an activity has been taken and
is not begun, or it is done and not reported; a mail is about to be handed over, or is and that is not noted.
"""

import itertools
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

from activities.smtp import Courier, Outcome

BEFORE_A_MAIL, BEFORE_ITS_NOTE = "a mail about to be handed over", "a mail handed over, not noted"
_NO_PROGRESS = {"remove_from_cache", "query_workflow", "notify_has_patch", "update_random_seed"}


@dataclass(frozen=True)
class Death:
    """Where a worker dies: at the n-th boundary of workflows of that type; without a number nowhere."""

    procedure: str
    number: int | None = None


class Boundaries:
    """Of one worker's life. `noted`: the file that has each as a line, also after the death."""

    def __init__(self, death: Death, noted: Path) -> None:
        self._death = death
        self._numbers = itertools.count(1)
        self._noted = os.open(noted, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def reached(self, procedure: str | None, what: str) -> None:
        if procedure != self._death.procedure:
            return
        number = next(self._numbers)
        os.write(self._noted, f"{what}\n".encode())
        if number == self._death.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def watching(self, client: Client) -> Client:
        """The same client; what its workers do passes these boundaries."""
        config = client.config()
        config["interceptors"] = [*config["interceptors"], _Activities(self)]
        config["plugins"] = [SimplePlugin("boundaries", workflow_runner=lambda runner: _Tasks(runner, self))]
        return Client(**config)


class MortalCourier:
    def __init__(self, courier: Courier, boundaries: Boundaries) -> None:
        self._courier = courier
        self._boundaries = boundaries

    async def send(self, recipient: str, message: bytes) -> Outcome:
        self._boundaries.reached(activity.info().workflow_type, BEFORE_A_MAIL)
        outcome = await self._courier.send(recipient, message)
        self._boundaries.reached(activity.info().workflow_type, BEFORE_ITS_NOTE)
        return outcome

    def let_go(self) -> None:
        self._courier.let_go()


class _Tasks(WorkflowRunner):
    """Around each turn of a workflow in which it gets on; a replay is none."""

    def __init__(self, runner: WorkflowRunner | None, boundaries: Boundaries) -> None:
        assert runner is not None
        self._runner = runner
        self._boundaries = boundaries

    def prepare_workflow(self, defn: Any) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance, reached = self._runner.create_instance(det), self._boundaries.reached
        activate, kind = instance.activate, det.info.workflow_type

        def watched(act: WorkflowActivation) -> WorkflowActivationCompletion:
            news = sorted({str(job.WhichOneof("variant")) for job in act.jobs} - _NO_PROGRESS)
            if act.is_replaying or not news:
                return activate(act)
            reached(kind, f"task taken: {', '.join(news)}")
            completion = activate(act)
            reached(kind, f"task done, not reported: {', '.join(news)}")
            return completion

        instance.activate = watched  # type: ignore[method-assign]  # to wrap the instance needs all of its private methods
        return instance


class _Activities(ClientInterceptor, Interceptor):
    """Outside of the product's own interceptors."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's parameter
        return _Mortal(next, self._boundaries)


class _Mortal(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, boundaries: Boundaries) -> None:
        super().__init__(following)
        self._boundaries = boundaries

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - as the SDK has them
        info = activity.info()
        self._boundaries.reached(info.workflow_type, f"{info.activity_type} taken")
        try:
            return await super().execute_activity(input)
        finally:
            self._boundaries.reached(info.workflow_type, f"{info.activity_type} done, not reported")
