"""The local carrier: takes orders as a carrier's own server would, and carries parcels that do not exist.

It speaks what `activities.carrier.HttpCarrier` speaks, and proves and is proven by the same signature.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvicorn
from httpx2 import AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from local.carrier_journey import Order
from local.carrier_workflow import SECONDS, TASK_QUEUE, LocalCarrier, Teller, workflow_id
from models import carrier_signature
from models.clock import machine_time
from models.rules.addresses import lacks_house_number
from models.vocabulary import ParcelKind

HOST = "127.0.0.1"
TAKEN, NOT_OURS, TRY_AGAIN = Response(status_code=202), Response(status_code=401), Response(status_code=503)


@dataclass(frozen=True)
class CarrierPlace:
    """`port`: where it takes orders; `key`: shared with the product; `seed`: settles what becomes of the parcels."""

    port: int
    api_url: str
    temporal_address: str
    key: str
    seed: int


class Desk:
    """Where orders come in. Each becomes a workflow, whose id is the lock: a repeated order is the same parcel."""

    def __init__(self, client: Client, place: CarrierPlace) -> None:
        self._client = client
        self._key = place.key.encode()
        self._seed = place.seed
        self._numbers: dict[str, int] = {}

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        is_genuine = carrier_signature.is_genuine(
            self._key, request.method, request.url.path, body=body, sent=request.headers, now=machine_time()
        )
        if not is_genuine:
            return NOT_OURS
        shipment_id: str = request.path_params["shipment_id"]
        try:
            await (self._take(shipment_id, body) if request.method == "PUT" else self._leave_here(shipment_id))
        except RPCError:
            return TRY_AGAIN
        return TAKEN

    async def _take(self, shipment_id: str, body: bytes) -> None:
        told = json.loads(body)
        number = self._numbers.setdefault(shipment_id, len(self._numbers) + 1)
        with contextlib.suppress(WorkflowAlreadyStartedError):
            try:
                await self._client.start_workflow(
                    LocalCarrier.run,
                    Order(shipment_id, ParcelKind(told["kind"]), self._seed, number),
                    id=workflow_id(shipment_id),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    start_signal="deliver",
                    start_signal_args=[not lacks_house_number(told["destination"]["address"])],
                    static_summary=f"Local carrier: {shipment_id}",
                )
            except RPCError as known:
                _expect(known, RPCStatusCode.ALREADY_EXISTS)  # what a rehearsal's engine says

    async def _leave_here(self, shipment_id: str) -> None:
        try:
            await self._client.get_workflow_handle(workflow_id(shipment_id)).signal(LocalCarrier.leave_here)
        except RPCError as unknown:
            _expect(unknown, RPCStatusCode.NOT_FOUND)


def carrier_worker(client: Client, product: AsyncClient, key: str) -> Worker:
    """What carries the parcels whose orders were taken. `product`: where it reports."""
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[LocalCarrier],
        activities=[Teller(product, key.encode()).tell_product],
        workflow_runner=UnsandboxedWorkflowRunner(),  # it is the stack's own, and looks at nothing but its order
        # What a killed process had cached, a rehearsal's engine would wait for, with the clock standing still.
        max_cached_workflows=0,
    )


def carrier_app(client: Client, place: CarrierPlace) -> Starlette:
    """Where orders come in, and are carried out for as long as it runs."""

    @contextlib.asynccontextmanager
    async def at_work(_app: Starlette) -> AsyncIterator[None]:
        async with (
            AsyncClient(base_url=place.api_url, timeout=SECONDS, trust_env=False) as product,
            carrier_worker(client, product, place.key),
        ):
            yield

    orders = Route("/shipments/{shipment_id}", Desk(client, place).answer, methods=["PUT", "DELETE"])
    return Starlette(routes=[orders], lifespan=at_work)


async def serve(place: CarrierPlace) -> None:
    """Until SIGTERM or Ctrl-C. Orders are taken from the moment that the port is open."""
    app = carrier_app(await _connected(place.temporal_address), place)
    config = uvicorn.Config(
        app, host=HOST, port=place.port, access_log=False, log_level="warning", timeout_graceful_shutdown=1
    )
    await uvicorn.Server(config).serve()


async def _connected(address: str) -> Client:
    """It may be up before its engine."""
    while True:
        try:
            return await Client.connect(address, data_converter=pydantic_data_converter)
        except RuntimeError:  # what the client raises when there is no connection
            await asyncio.sleep(0.2)


def _expect(error: RPCError, status: RPCStatusCode) -> None:
    """Raises: RPCError: it is another."""
    if error.status is not status:
        raise error
