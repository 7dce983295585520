"""The carrier's way in: who may report, and what a report may hold."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from pydantic import SecretStr

from activities.records import Records
from activities.shipment import ShipmentActivities
from api.app import create_app
from api.context import Context
from models import carrier_signature
from models.clock import machine_time
from models.messages.procedure import Identity
from models.messages.shipment_steps import StopShipment
from models.vocabulary import ProcedureKind
from settings import Carrier, Settings
from tests.shipping import CONTRACT, parcel, report, shipped
from tests.world import TENANT, World

KEY = "key-of-the-carrier-in-these-tests-0123456789"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"carrier": Carrier(key=SecretStr(KEY))})


async def signed(
    api: AsyncClient, shipment_id: str, event: dict[str, Any], *, key: str = KEY, age: int = 0
) -> Response:
    path, body = f"/v1/carrier/shipments/{shipment_id}/events", json.dumps(event).encode()
    at = machine_time() - timedelta(seconds=age)
    headers = carrier_signature.headers(key.encode(), "POST", path, body=body, at=at)
    return await api.post(path, content=body, headers={**headers, "Content-Type": "application/json"})


@pytest.mark.requirement("SHP-01")
async def test_a_carrier_reports_with_its_signature(world: World, api: AsyncClient, staff: dict[str, str]) -> None:
    """A wrong key, an old signature, or one of another body is nobody's."""
    new = await shipped(world, api, staff)
    event = {"event_id": "1", "state": "shipped", "waybill_number": "4907"}
    taken = await signed(api, new.shipment_id, event)
    assert (taken.status_code, taken.json()["state"]) == (200, "shipped")
    for wrong in (
        await signed(api, new.shipment_id, event, key="k" * 40),
        await signed(api, new.shipment_id, event, age=301),
        await api.post(f"/v1/carrier/shipments/{new.shipment_id}/events", json=event),
    ):
        assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")


@pytest.mark.requirement("SHP-01", "GEN-05")
async def test_staff_may_not_report_and_unknown_parcels_are_not_found(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    new = await shipped(world, api, staff)
    event = {"event_id": "1", "state": "shipped"}
    url = f"/v1/carrier/shipments/{new.shipment_id}/events"
    assert (await api.post(url, json=event, headers=staff)).status_code == 403
    for unknown in (f"{TENANT}-nowhere-1", "T9000000-A-S1-1", "nonsense", "%00"):
        answer = await api.post(f"/v1/carrier/shipments/{unknown}/events", json=event, headers=operator)
        assert answer.status_code == 404, unknown


@pytest.mark.requirement("SHP-01", "GEN-07")
@pytest.mark.parametrize(
    "event",
    [
        {"state": "shipped"},
        {"event_id": "1", "state": "stopped"},
        {"event_id": "1", "state": "scheduled", "planned_arrival_date": "soon"},
        {"event_id": "1" * 129, "state": "shipped"},
        {"event_id": "1", "state": "shipped", "occurred_at": "2027-03-01T10:00:00"},
    ],
)
async def test_a_wrong_event_is_refused_with_its_field(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str], event: dict[str, Any]
) -> None:
    new = await shipped(world, api, staff)
    answer = await api.post(f"/v1/carrier/shipments/{new.shipment_id}/events", json=event, headers=operator)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.requirement("SHP-05")
async def test_a_stopped_parcel_listens_no_more(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str], context: Context
) -> None:
    """The stop is the contract's; its procedure is told and ends."""
    new = await shipped(world, api, staff)
    records = Records(database=world.database, durations=context.settings.durations, link_key=context.link_key)
    contract = Identity.of(ProcedureKind.CONTRACT, TENANT, CONTRACT, new.customer_id)
    order = StopShipment(
        identity=contract, step="stop", at=await world.clock.now(), actor="staff", contract_number=CONTRACT
    )
    stopped = await ShipmentActivities(records, "").stop_shipment(order)
    assert (stopped.state, stopped.procedure_ids) == ("stopped", (new.identity.procedure_id,))
    handle = world.client.get_workflow_handle(new.identity.procedure_id)
    await handle.signal("look_again")
    async with asyncio.timeout(10):
        assert await handle.result() == "stopped"
    assert (await report(api, operator, new.shipment_id, "1", "shipped"))["state"] == "stopped"
    assert (await parcel(world, new.shipment_id)).state == "stopped"


def test_the_app_is_made_with_a_key_for_its_carrier(context: Context) -> None:
    """A carrier that orders go to has a key."""
    assert create_app(context).state.context.settings.carrier.key.get_secret_value() == KEY
    with pytest.raises(ValueError, match="key must have"):
        Carrier(url="http://127.0.0.1:1/")
