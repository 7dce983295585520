"""Timeouts and retries, by kind of effect."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType


class LocalEffect(TypedDict):
    cancellation_type: ActivityCancellationType
    start_to_close_timeout: timedelta
    local_retry_threshold: timedelta
    retry_policy: RetryPolicy


class DurableEffect(TypedDict):
    cancellation_type: ActivityCancellationType
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class OutsideEffect(TypedDict):
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class Effect(TypedDict):
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


_NEVER_MENDED = ["PayloadsTooLarge"]
"""What the SDK says of a result that is more than Temporal takes: the same at every try."""

# Without end: the database comes back, and then the step is done. What no repetition can mend the activity itself
# raises as non-retryable (activities/outcomes.py).
DATABASE = LocalEffect(
    # A cancelled procedure knows whether its last record was written before it records its end.
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    start_to_close_timeout=timedelta(seconds=20),
    local_retry_threshold=timedelta(seconds=20),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
        non_retryable_error_types=_NEVER_MENDED,
    ),
)

# The same for what a command writes (workflows/procedure.py). The timeout is also how soon another worker takes over.
COMMAND = DurableEffect(
    cancellation_type=DATABASE["cancellation_type"],
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=DATABASE["retry_policy"],
)

# The same for what an operator's end neither waits for nor takes back. To cancel it would be to race its completion: a
# rehearsal's server never lets go of a workflow that lost that race.
LEFT_ALONE = DurableEffect(
    cancellation_type=ActivityCancellationType.ABANDON,
    start_to_close_timeout=COMMAND["start_to_close_timeout"],
    retry_policy=COMMAND["retry_policy"],
)

# Without end as well: the activity names its own pauses and gives a mail up once its patience has passed. This policy
# is for a sender that died.
MAIL = Effect(
    start_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=timedelta(seconds=15),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=timedelta(minutes=1),
        non_retryable_error_types=_NEVER_MENDED,
    ),
)

# A partner's system may be away for a day; then an operator is asked, who can have it tried for another one.
PARTNER = OutsideEffect(
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(days=1),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=15)
    ),
)
