"""Telling operators of something that is nobody's step, and doing what lies outside without waiting for it."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError

from models.vocabulary import OperatorAction
from workflows import procedure
from workflows.patience import PARTNER
from workflows.procedure import EndedByOperatorError, what_went_wrong

_NOTED = (OperatorAction.SKIP, OperatorAction.END)


class OperatorNotices(procedure.Procedure):
    """A procedure that goes on while it asks for attention (GEN-08)."""

    def notice(self, step: str, reason: str) -> None:
        """Show it until an operator skips it, which says that it is seen to, or `settle_notice` is called."""
        if step not in self._attention:
            self._in_background(self._until_seen_to(step, reason))

    async def settle_notice(self, step: str) -> None:
        """What it told of is over."""
        if step in self._attention:
            settled = {"step": step}
            await self._settle_attention(
                [step], OperatorAction.SKIP, actor="system", what="attention_settled", detail=settled
            )

    def outside(self, activity: Callable[[Any, Any], Awaitable[None]], order: object, *, summary: str) -> None:
        """Have a partner's system told, in the background. Once its patience has passed, an operator is asked."""
        self._in_background(self._carry_out(activity, order, summary))

    async def _until_seen_to(self, step: str, reason: str) -> None:
        try:
            await self._ask_operator(step, reason, _NOTED)
        except EndedByOperatorError:
            return

    async def _carry_out(self, activity: Callable[[Any, Any], Awaitable[None]], order: object, summary: str) -> None:
        while True:
            try:
                await workflow.execute_activity_method(activity, order, summary=summary, **PARTNER)
            except FailureError as error:
                if await self._ask_or_skip(activity.__name__, what_went_wrong(error)) is OperatorAction.RETRY:
                    continue
            return
