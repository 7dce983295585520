"""The carrier's side: asking it to take a parcel, and to leave one here.

`Carrier` is the interface. Each order is told as often as it takes; a carrier knows a parcel by its shipment id, so a
repetition changes nothing. What it does, it reports to `POST /v1/carrier/shipments/{id}/events`.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import httpx2
from sqlalchemy import Row
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.records import Records
from models import carrier_signature, shipments
from models.clock import machine_time
from models.messages.shipment_steps import CarryParcel
from models.rules.shipments import ON_THE_WAY_OUT, STAYS_HERE
from models.tables.shipments import Shipment

_SECONDS = 10
_TRY_AGAIN = frozenset({408, 409, 425, 429})
_NOT_THERE = frozenset({404, 410})
_SERVER_ERRORS = 500


class Carrier(Protocol):
    async def request(self, shipment_id: str, order: dict[str, Any]) -> None:
        """Take a parcel; known already, take note of what has changed of its destination."""
        ...

    async def cancel(self, shipment_id: str) -> None:
        """Leave it here. Not known, or on its way already: nothing happens."""
        ...


class CarrierByHand:
    """Nobody to call: the operator arranges the transport, and reports by API what becomes of it."""

    async def request(self, shipment_id: str, order: dict[str, Any]) -> None:
        """Nothing to do: the procedure shows that it waits for the carrier."""

    async def cancel(self, shipment_id: str) -> None:
        """Likewise."""


class HttpCarrier:
    """Speaks JSON to a carrier's own address, each request signed (`models/carrier_signature.py`).

    `PUT {url}/shipments/{id}` with the order asks, `DELETE` of the same address cancels.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = httpx2.URL(url.rstrip("/"))
        self._key = key.encode()

    async def request(self, shipment_id: str, order: dict[str, Any]) -> None:
        _expect_taken(await self._send("PUT", shipment_id, json.dumps(order, ensure_ascii=False).encode()))

    async def cancel(self, shipment_id: str) -> None:
        status = await self._send("DELETE", shipment_id, b"")
        if status not in _NOT_THERE:
            _expect_taken(status)

    async def _send(self, method: str, shipment_id: str, body: bytes) -> int:
        path = f"{self._url.path.rstrip('/')}/shipments/{quote(shipment_id, safe='')}"
        headers = carrier_signature.headers(self._key, method, path, body=body, at=machine_time())
        headers |= {"Content-Type": "application/json", "Idempotency-Key": shipment_id}
        async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.request(method, self._url.copy_with(path=path), content=body, headers=headers)
        return answer.status_code


@dataclass(frozen=True)
class Dispatch:
    """What the shipping procedures are run with. `tracking_url`: with `{waybill_number}` where the number goes.

    `non_return_charge`: whole yen, for contracts whose plans name no charge of their own (KIT-04).
    """

    carrier: Carrier
    tracking_url: str
    non_return_charge: int


class CarrierActivities:
    def __init__(self, records: Records, carrier: Carrier) -> None:
        self._records = records
        self._carrier = carrier

    @activity.defn
    async def request_parcel(self, order: CarryParcel) -> None:
        """Ask the carrier to take the parcel; one that is to stay here by now, to leave it here.

        That is the last word of every try (SHP-05, UND-03): the parcel may be stopped while the carrier is being asked,
        and an earlier try may have been heard although nobody answered it. On its way already, nothing is asked.
        """
        parcel = await self._parcel(order)
        if shipments.is_erased(parcel):
            await self.cancel_parcel(order)
            return
        if parcel.state in ON_THE_WAY_OUT:
            await self._carrier.request(parcel.shipment_id, _asked_of(parcel))
            parcel = await self._parcel(order)
        if parcel.state in STAYS_HERE:
            await self._carrier.cancel(parcel.shipment_id)

    @activity.defn
    async def cancel_parcel(self, order: CarryParcel) -> None:
        """Tell the carrier that the parcel stays here. Its row says so before, to whoever still asks for it."""
        async with self._records.database.transaction(order.tenant_id) as connection:
            await shipments.keep_here(connection, order.tenant_id, order.shipment_id)
        await self._carrier.cancel(order.shipment_id)

    async def _parcel(self, order: CarryParcel) -> Row[tuple[Shipment]]:
        async with self._records.database.transaction(order.tenant_id) as connection:
            return await shipments.find(connection, order.tenant_id, order.shipment_id)


def _asked_of(parcel: Row[tuple[Shipment]]) -> dict[str, Any]:
    return {
        "shipment_id": parcel.shipment_id,
        "kind": parcel.kind,
        "contract_number": parcel.contract_number,
        "utm_id": parcel.utm_id,
        "destination": parcel.destination,
    }


def _expect_taken(status: int) -> None:
    """Raises: ApplicationError: not taken; by a 4xx, for a reason that trying again does not mend."""
    if httpx2.codes.is_success(status):
        return
    hopeless = status < _SERVER_ERRORS and status not in _TRY_AGAIN
    raise ApplicationError(f"the carrier answered {status}", type="carrier_refused", non_retryable=hopeless)
