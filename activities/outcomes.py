"""What Temporal makes of an activity's exceptions: a refusal is an answer, an outage is waited out, a bug is shown."""

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.outages import is_outage
from models.refusals import Refusal

BROKEN_STEP = "broken_step"
_TRIES_OF_A_BUG = 5
_STEPS_REMEMBERED = 10_000


class ActivityOutcomes(Interceptor):
    """Worker interceptor around every activity."""

    def __init__(self) -> None:
        self._excused = Excused()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's parameter
        return _Outcomes(next, self._excused)


class Excused:
    """The tries of steps that no mistake of ours used up, as far as this process has seen them: it forgets the oldest.

    What it does not know counts as a mistake's: an operator is asked too early rather than never.
    """

    def __init__(self) -> None:
        self._tries: dict[tuple[str | None, str], int] = {}

    def excuse(self) -> None:
        """The current try, and with it all before."""
        self._tries[_step()] = activity.info().attempt
        if len(self._tries) > _STEPS_REMEMBERED:
            del self._tries[next(iter(self._tries))]

    def forget(self) -> None:
        self._tries.pop(_step(), None)

    def inexcusable(self) -> int:
        """How many tries there have been since, the current one among them."""
        attempt, excused = activity.info().attempt, self._tries.get(_step(), 0)
        is_earlier = excused < attempt  # if not, it was another time that the procedure came to this step
        return attempt - excused if is_earlier else attempt


class _Outcomes(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, excused: Excused) -> None:  # noqa: A002 - the SDK's parameter
        super().__init__(next)
        self._excused = excused

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        try:
            result = await super().execute_activity(input)
        except Refusal as refusal:
            self._excused.forget()
            raise refused(refusal) from None
        except ApplicationError:
            self._excused.excuse()
            raise
        except Exception as error:
            if is_outage(error):
                self._excused.excuse()
                raise
            if self._excused.inexcusable() < _TRIES_OF_A_BUG:
                raise
            # No repetition mends it: an operator is told, and the step waits (GEN-08).
            self._excused.forget()
            message = f"{type(error).__name__} in {activity.info().activity_type}"
            raise ApplicationError(message, type=BROKEN_STEP, non_retryable=True) from error
        self._excused.forget()
        return result


def _step() -> tuple[str | None, str]:
    """Not by the activity's id: a local activity has another one after each of its longer pauses."""
    info = activity.info()
    return info.workflow_run_id, info.activity_type


def refused(refusal: Refusal) -> ApplicationError:
    """The form in which a refusal travels through Temporal; the API makes it a refusal again."""
    return ApplicationError(
        str(refusal),
        refusal.details(),
        type=refusal.code,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,  # an answer, nothing that logs and alarms are for
    )
