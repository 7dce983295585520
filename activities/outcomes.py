"""What Temporal makes of an activity's exceptions: a refusal is an answer, an outage is waited out, a bug is shown."""

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.outages import is_outage
from models.refusals import Refusal

BROKEN_STEP = "broken_step"
_TRIES_OF_A_BUG = 5


class ActivityOutcomes(Interceptor):
    """Worker interceptor around every activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's parameter
        return _Outcomes(next)


class _Outcomes(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        try:
            return await super().execute_activity(input)
        except Refusal as refusal:
            raise refused(refusal) from None
        except ApplicationError:
            raise
        except Exception as error:
            if is_outage(error) or activity.info().attempt < _TRIES_OF_A_BUG:
                raise
            # No repetition mends it: an operator is told, and the step waits (GEN-08).
            message = f"{type(error).__name__} in {activity.info().activity_type}"
            raise ApplicationError(message, type=BROKEN_STEP, non_retryable=True) from error


def refused(refusal: Refusal) -> ApplicationError:
    """The form in which a refusal travels through Temporal; the API makes it a refusal again."""
    return ApplicationError(
        str(refusal),
        refusal.details(),
        type=refusal.code,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,  # an answer, nothing that logs and alarms are for
    )
