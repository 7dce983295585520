"""The local carrier at work: a workflow of its own for each parcel, so that it goes by the product's clock.

On the real engine that is real time; in a rehearsal it is the world clock, which stops for each of the carrier's events
as for everything else that is due. No address gets into a history, only whether the parcel can be delivered to it.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from httpx2 import AsyncClient
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from local.carrier_journey import NAME, Order, Telling, shipped_at, tellings
from models import carrier_signature
from models.clock import machine_time

TASK_QUEUE = "local-carrier"
SECONDS = 10
"""That an answer of the product may take."""
_TRY_AGAIN = frozenset({408, 409, 425, 429})
_SERVER_ERRORS = 500
_RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


@dataclass(frozen=True)
class Report:
    shipment_id: str
    telling: Telling


@workflow.defn(name="LocalCarrier")
class LocalCarrier:
    @workflow.init
    def __init__(self, order: Order) -> None:
        self._order = order
        self._ordered_at = workflow.now()
        self._is_findable = True
        self._stays_here = False
        self._told: list[Telling] = []

    @workflow.run
    async def run(self, order: Order) -> int:  # noqa: ARG002 - Temporal hands it to both
        """Returns how often it has told the product something."""
        while (telling := self._next()) is not None:
            if await self._comes_about(telling.at):
                await self._tell(telling)
        return len(self._told)

    @workflow.signal(description="Take it, or take note that it goes elsewhere. Told again, nothing changes.")
    def deliver(self, is_findable: bool) -> None:  # noqa: FBT001 - a signal's one argument
        if workflow.now() < shipped_at(self._order, self._ordered_at, is_findable=self._is_findable):
            self._is_findable = is_findable

    @workflow.signal(description="Leave it here, unless it is on its way already.")
    def leave_here(self) -> None:
        if workflow.now() < shipped_at(self._order, self._ordered_at, is_findable=self._is_findable):
            self._stays_here = True

    @workflow.query
    def told(self) -> list[Telling]:
        return self._told

    def _next(self) -> Telling | None:
        """What is to be told next; an event that was told a first time may still be told again."""
        if self._stays_here:
            return None
        all_of_it = tellings(self._order, self._ordered_at, is_findable=self._is_findable)
        return next((one for one in all_of_it if one.number > len(self._told)), None)

    async def _comes_about(self, at: datetime) -> bool:
        """Whether it is time for it, rather than that something has changed meanwhile."""
        before = self._is_findable
        try:
            await workflow.wait_condition(
                lambda: self._stays_here or self._is_findable != before,
                timeout=max(at - workflow.now(), timedelta(0)),
                timeout_summary="Next event",
            )
        except TimeoutError:
            return True
        return False

    async def _tell(self, telling: Telling) -> None:
        try:
            await workflow.execute_activity_method(
                Teller.tell_product,
                Report(self._order.shipment_id, telling),
                start_to_close_timeout=timedelta(seconds=SECONDS + 5),
                retry_policy=_RETRIES,
                summary=telling.event_id,
            )
        except ActivityError as refused:
            workflow.logger.warning("The product does not want to hear %s: %s", telling.event_id, refused.cause)
        self._told.append(telling)


def workflow_id(shipment_id: str) -> str:
    return f"local-carrier-{shipment_id}"


class Teller:
    """Posts the carrier's events, signed, to the product's own address for them."""

    def __init__(self, product: AsyncClient, key: bytes) -> None:
        self._product = product
        self._key = key

    @activity.defn
    async def tell_product(self, report: Report) -> None:
        """Raises: ApplicationError: it was not taken; by a 4xx, for a reason that trying again does not mend."""
        path = f"/v1/carrier/shipments/{report.shipment_id}/events"
        body = json.dumps(_as_json(report.telling)).encode()
        headers = carrier_signature.headers(self._key, "POST", path, body=body, at=machine_time())
        # A key for each telling: an event that is told twice is known by its id, which is for the product to notice.
        once = f"{report.shipment_id} {report.telling.number}"
        headers |= {"Content-Type": "application/json", "Idempotency-Key": once}
        answer = await self._product.post(path, content=body, headers=headers)
        if answer.is_error:
            hopeless = answer.status_code < _SERVER_ERRORS and answer.status_code not in _TRY_AGAIN
            raise ApplicationError(f"the product answered {answer.status_code}", non_retryable=hopeless)


def _as_json(telling: Telling) -> dict[str, str]:
    event = asdict(telling.event)
    told = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in event.items()}
    carrier = {"carrier": NAME} if told["waybill_number"] else {}
    return {"event_id": telling.event_id, **{name: value for name, value in told.items() if value}, **carrier}
