"""Refusing a command whose sender has been told meanwhile that it was not taken.

While no worker is there the engine keeps commands waiting, longer than anybody waits for an answer. Patience goes by
the machine's time: a procedure's own may have been moved ahead. A validator may look at it: it is never replayed.
"""

from temporalio.worker import (
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from activities.outcomes import refused
from models.clock import machine_time
from models.messages.procedure import Command
from models.refusals import Unavailable

_RETRY_AFTER_SECONDS = 1


class LateCommands(Interceptor):
    """Worker interceptor before every update's validator."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's parameter
    ) -> type[WorkflowInboundInterceptor]:
        return _Punctual


class _Punctual(WorkflowInboundInterceptor):
    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 - the SDK's parameter
        now = machine_time()
        commands = (argument for argument in input.args if isinstance(argument, Command))
        if any(command.good_until is not None and now >= command.good_until for command in commands):
            raise refused(Unavailable(retry_after=_RETRY_AFTER_SECONDS))
        super().handle_update_validator(input)
