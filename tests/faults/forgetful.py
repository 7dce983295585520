"""A worker that forgets, for tests of procedures that must pass all the same: `make forgetful`.

Each step's transaction is rolled back at its end the first time. Each activity's completion is lost the first time that
there is one, so that it is done again. A plugin of pytest.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from models import audit
from models.audit import Fact
from models.database import Database
from models.refusals import Refusal
from settings import Settings
from tests.world import Employ, in_this_process
from workflows import patience

_AGAIN = timedelta(milliseconds=1)
_SOON = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_interval=timedelta(seconds=2))
_This = tuple[str | None, bool, str]
_AT_ONCE = "looks at the very instant of a deadline, before a third try can be over"
LEFT_OUT = {
    "test_asking_for_known_and_unknown_addresses_takes_alike": "measures how long a step takes",
    "test_a_carrier_that_is_away_for_a_day_hears_of_the_parcel_when_it_is_back": "counts the tries",
    "test_a_parcel_stopped_as_the_order_is_on_its_way_to_the_carrier_stays_here": "counts the tries",
    "test_reminder_escalation_and_end_come_at_their_time": _AT_ONCE,
    "test_a_contract_renews_again_and_again_by_itself": _AT_ONCE,
    "test_without_a_renewal_term_it_expires_the_day_after_its_last": _AT_ONCE,
}
"""And why."""


class LostCompletions(ClientInterceptor, Interceptor):
    """What came of an activity's first try is not reported, be it an answer or a refusal."""

    def __init__(self) -> None:
        self._lost: set[_This] = set()

    def suffered_by(self, client: Client) -> Client:
        """The same client, whose workers lose completions."""
        config = client.config()
        config["interceptors"] = [*config["interceptors"], self]
        return Client(**config)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's parameter
        return _Losing(next, self._lost)


class _Losing(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, lost: set[_This]) -> None:
        super().__init__(following)
        self._lost = lost

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - as the SDK has them
        this = _this()
        try:
            answer = await super().execute_activity(input)
        except ApplicationError as error:
            if error.type not in Refusal.known or this in self._lost:
                raise
        else:
            if this in self._lost:
                return answer
        self._lost.add(this)
        raise _lost("its completion was lost")


def _lost(message: str) -> ApplicationError:
    """To be expected here, and nothing for the log."""
    return ApplicationError(message, next_retry_delay=_AGAIN, category=ApplicationErrorCategory.BENIGN)


def torn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thing that a step's transaction does, its entry in the audit log, fails at the first try."""
    record, once = audit.record, set[_This]()

    async def fails_once(connection: AsyncConnection, fact: Fact, answer: dict[str, Any] | None = None) -> None:
        await record(connection, fact, answer)
        if fact.step is not None and activity.in_activity() and (this := _this()) not in once:
            once.add(this)
            raise _lost("its transaction was lost")

    monkeypatch.setattr(audit, "record", fails_once)


def _this() -> _This:
    """The activity that is being tried."""
    info = activity.info()
    return info.workflow_run_id, info.is_local, info.activity_id


@pytest.fixture
def employ(monkeypatch: pytest.MonkeyPatch) -> Employ:
    return forgetful(monkeypatch)


def forgetful(monkeypatch: pytest.MonkeyPatch) -> Employ:
    """A worker that forgets; `monkeypatch` is undone when nobody works any more."""
    torn(monkeypatch)
    for effect in (patience.DATABASE, patience.COMMAND, patience.LEFT_ALONE):
        monkeypatch.setitem(effect, "retry_policy", _SOON)
    completions = LostCompletions()

    @asynccontextmanager
    async def work(settings: Settings, client: Client, database: Database) -> AsyncIterator[Client]:
        told = settings.model_copy(update={"worker_strict_sandbox": False})
        async with in_this_process(told, completions.suffered_by(client), database) as used:
            yield used

    return work


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        reason = LEFT_OUT.get(getattr(item, "originalname", item.name))
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))
