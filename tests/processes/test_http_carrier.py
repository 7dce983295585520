"""The HTTP adapter against a real server on loopback: what it sends, and what it makes of the answer."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from httpx2 import AsyncClient
from pydantic import SecretStr
from sqlalchemy import update
from temporalio.exceptions import ApplicationError

from activities.carrier import HttpCarrier
from activities.records import Records
from activities.shipment import ShipmentActivities
from api.context import Context
from models import carrier_signature
from models.clock import machine_time
from models.messages.procedure import Identity
from models.messages.shipment_steps import NewShipment, StopShipment
from models.rules.periods import morning_of
from models.tables.shipments import Shipment as Parcels
from models.vocabulary import OperatorAction, ProcedureKind
from settings import Carrier, Settings
from tests.contracts import MONTHLY, ZONE, early_in_a_month, open_office
from tests.processes.test_return_kit import Ended, register
from tests.shipping import CONTRACT, at_attention, attention_of, parcel, shipped
from tests.world import PATIENCE, TENANT, World, eventually

KEY = "key-of-the-carrier-in-these-tests-0123456789"
SHIPMENT = "T8000000-A-S00000007-1"


@dataclass
class Depot:
    """A carrier's server: it keeps what it was told, and answers as the test wants."""

    port: int = 0
    status: int = 202
    open: threading.Event = field(default_factory=threading.Event)
    """Closed, it lets an order to take a parcel wait, and takes cancellations."""
    waiting: int = 0
    told: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)

    @property
    def dialogue(self) -> list[tuple[str, int]]:
        return [(method, status) for (method, *_), status in zip(self.told, self.answered, strict=False)]

    def heard_of(self, shipment_id: str) -> list[tuple[str, int]]:
        return [
            (method, status)
            for (method, path, *_), status in zip(self.told, self.answered, strict=False)
            if shipment_id in path
        ]

    async def has_heard_last(self, world: World, procedure_id: str) -> None:
        """With nothing left to tell, the last word was that it stays here."""
        async with asyncio.timeout(PATIENCE):
            await world.client.get_workflow_handle(procedure_id).result()
        assert self.dialogue[-1] == ("DELETE", 202)


@pytest.fixture
def depot() -> Iterator[Depot]:
    depot = Depot()
    depot.open.set()

    class Desk(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {name.lower(): value for name, value in self.headers.items()}
            if self.command == "PUT":
                depot.waiting += 1
                depot.open.wait(PATIENCE)
            depot.told.append((self.command, self.path, body, sent))
            depot.answered.append(depot.status)
            self.send_response(depot.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_DELETE = _take  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's parameter
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    depot.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield depot
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(settings: Settings, depot: Depot) -> Settings:
    """The product's carrier is the depot."""
    carrier = Carrier(url=f"http://127.0.0.1:{depot.port}", key=SecretStr(KEY))
    return settings.model_copy(update={"carrier": carrier})


async def stopped(world: World, new: NewShipment, context: Context) -> None:
    """As the contract does it: in its own transaction, with a nudge."""
    records = Records(database=world.database, durations=context.settings.durations, link_key=context.link_key)
    contract = Identity.of(ProcedureKind.CONTRACT, TENANT, CONTRACT, new.customer_id)
    order = StopShipment(
        identity=contract, step="stop", at=await world.clock.now(), actor="staff", contract_number=CONTRACT
    )
    assert (await ShipmentActivities(records, "").stop_shipment(order)).state == "stopped"
    await context.commands.nudge(new.identity.procedure_id)


@pytest.mark.requirement("SHP-01")
async def test_an_order_and_its_cancellation_are_signed(depot: Depot) -> None:
    carrier = HttpCarrier(f"http://127.0.0.1:{depot.port}/v2/", KEY)
    await carrier.request(SHIPMENT, {"shipment_id": SHIPMENT, "destination": {"address": "港区芝公園4-2-8"}})
    await carrier.cancel(SHIPMENT)
    assert [(method, path) for method, path, *_ in depot.told] == [
        ("PUT", f"/v2/shipments/{SHIPMENT}"),
        ("DELETE", f"/v2/shipments/{SHIPMENT}"),
    ]
    assert json.loads(depot.told[0][2])["destination"]["address"] == "港区芝公園4-2-8"
    for method, path, body, sent in depot.told:
        now = machine_time()
        assert carrier_signature.is_genuine(KEY.encode(), method, path, body=body, sent=sent, now=now)
        assert not carrier_signature.is_genuine(b"another", method, path, body=body, sent=sent, now=now)
        assert not carrier_signature.is_genuine(KEY.encode(), "POST", path, body=body, sent=sent, now=now)
        assert sent["idempotency-key"] == SHIPMENT


@pytest.mark.requirement("SHP-01", "GEN-08")
@pytest.mark.parametrize(("status", "hopeless"), [(500, False), (503, False), (429, False), (400, True), (404, True)])
async def test_what_trying_again_mends_is_tried_again(depot: Depot, status: int, hopeless: bool) -> None:  # noqa: FBT001 - a table's column
    depot.status = status
    carrier = HttpCarrier(f"http://127.0.0.1:{depot.port}", KEY)
    with pytest.raises(ApplicationError) as refused:
        await carrier.request(SHIPMENT, {})
    assert refused.value.non_retryable is hopeless


@pytest.mark.requirement("SHP-05", "GEN-08")
@pytest.mark.parametrize(("status", "taken"), [(204, True), (404, True), (410, True), (400, False), (503, False)])
async def test_a_parcel_that_the_carrier_does_not_know_stays_here_already(
    depot: Depot,
    status: int,
    taken: bool,  # noqa: FBT001 - a table's column
) -> None:
    depot.status = status
    carrier = HttpCarrier(f"http://127.0.0.1:{depot.port}", KEY)
    with nullcontext() if taken else pytest.raises(ApplicationError, match=f"answered {status}"):
        await carrier.cancel(SHIPMENT)


@pytest.mark.requirement("SHP-01", "GEN-08")
async def test_a_carrier_that_is_away_for_a_day_hears_of_the_parcel_when_it_is_back(
    depot: Depot, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Tried all day; after that an operator is asked, whose retry begins another day."""
    depot.status = 503
    new = await shipped(world, api, staff)
    await world.advance(hours=23)
    depot.status = 202
    await world.advance(hours=1)
    await eventually(lambda: depot.told[-1][0] == "PUT" and depot.answered[-1] == 202)
    assert await attention_of(world, new.identity.procedure_id) == []
    assert {path for _, path, *_ in depot.told} == {f"/shipments/{new.shipment_id}"}
    assert depot.answered.count(202) == 1


@pytest.mark.requirement("SHP-01", "GEN-08")
async def test_a_carrier_that_stays_away_is_an_operators_matter(
    depot: Depot, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    depot.status = 503
    new = await shipped(world, api, staff)
    await world.advance(hours=25)
    await at_attention(world, new.identity.procedure_id, "request_parcel")
    depot.status = 202
    command = {"command_id": "1", "actor": "operator", "action": OperatorAction.RETRY, "reason": "it is back"}
    await world.client.get_workflow_handle(new.identity.procedure_id).execute_update("resolve", command)
    await eventually(lambda: 202 in depot.answered)
    await at_attention(world, new.identity.procedure_id)


@pytest.mark.requirement("SHP-05")
async def test_a_parcel_stopped_while_the_carrier_is_away_stays_here(
    depot: Depot, world: World, api: AsyncClient, staff: dict[str, str], context: Context
) -> None:
    """The order to take it pauses for minutes by then, and comes to nothing; the cancellation is the last word."""
    depot.status = 503
    new = await shipped(world, api, staff)
    await world.advance(hours=1)
    await stopped(world, new, context)
    depot.status = 202
    await world.advance(minutes=20)
    await depot.has_heard_last(world, new.identity.procedure_id)
    assert ("PUT", 202) not in depot.dialogue


@pytest.mark.requirement("SHP-05")
async def test_a_parcel_stopped_as_the_order_is_on_its_way_to_the_carrier_stays_here(
    depot: Depot, world: World, api: AsyncClient, staff: dict[str, str], context: Context
) -> None:
    """The cancellation overtakes the order, means nothing to the carrier, and is told once more."""
    depot.open.clear()
    new = await shipped(world, api, staff)
    await eventually(lambda: depot.waiting == 1)
    await stopped(world, new, context)
    await eventually(lambda: depot.dialogue == [("DELETE", 202)])
    depot.open.set()
    await depot.has_heard_last(world, new.identity.procedure_id)
    assert depot.dialogue == [("DELETE", 202), ("PUT", 202), ("DELETE", 202)]


@pytest.mark.requirement("GEN-08", "SHP-05")
async def test_a_parcel_ended_while_the_carrier_is_away_stays_here(
    depot: Depot, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """By an operator, in the Web UI."""
    depot.status = 503
    new = await shipped(world, api, staff)
    await world.advance(hours=1)
    await world.client.get_workflow_handle(new.identity.procedure_id).cancel()
    await eventually(lambda: ("DELETE", 503) in depot.dialogue)
    depot.status = 202
    await world.advance(minutes=20)
    await depot.has_heard_last(world, new.identity.procedure_id)
    assert ("PUT", 202) not in depot.dialogue


@pytest.mark.requirement("CUS-05", "SHP-05")
async def test_of_a_customer_erased_while_the_carrier_is_away_nothing_is_asked(
    depot: Depot, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """There is nowhere to bring it to any more."""
    depot.status = 503
    new = await shipped(world, api, staff)
    await eventually(lambda: ("PUT", 503) in depot.dialogue)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Parcels).values(destination={}))
    depot.status = 202
    await world.advance(hours=1)
    await eventually(lambda: ("DELETE", 202) in depot.dialogue)
    assert ("PUT", 202) not in depot.dialogue
    assert (await parcel(world, new.shipment_id)).state == "stopped"


@pytest.fixture
async def kits(depot: Depot, world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]) -> Ended:
    """A contract that has ended, and the morning on which its kit is asked for of a carrier that is away."""
    depot.status = 503
    await early_in_a_month(world)
    office = await open_office(api, world, staff, operator, charges=[MONTHLY])
    number = (await office.apply())["contract_number"]
    await register(office)
    today = await office.today()
    await office.cancel(number, today.isoformat())
    kits = Ended(office, world, api, operator, number, today)
    asked_on = date.fromisoformat((await kits.kit())["requested_at"][:10])
    await world.advance_to(morning_of(asked_on, ZONE) + timedelta(hours=1))
    await kits.at_state("requested")
    return kits


@pytest.mark.requirement("KIT-03", "SHP-05")
async def test_of_a_kit_sent_again_while_the_carrier_is_away_only_the_last_sending_is_asked_for(
    depot: Depot, world: World, kits: Ended
) -> None:
    """The first was to go to a wrong address."""
    first = (await kits.kit())["shipment_id"]
    status, again = await kits.staff_do("resend", address="東京都港区虎ノ門9-9-9")
    assert (status, again["state"]) == (200, "requested")
    depot.status = 202
    await world.advance(hours=1)
    await eventually(lambda: depot.heard_of(again["shipment_id"])[-1:] == [("PUT", 202)])
    await eventually(lambda: depot.heard_of(first)[-1:] == [("DELETE", 202)])
    assert ("PUT", 202) not in depot.heard_of(first)
    assert (await parcel(world, first)).state == "stopped"


@pytest.mark.requirement("UND-03", "SHP-05")
async def test_a_kit_undone_while_the_carrier_is_away_stays_here(depot: Depot, world: World, kits: Ended) -> None:
    shipment_id = (await kits.kit())["shipment_id"]
    assert (await kits.office.post(kits.number, "undo-cancellation"))[0] == 200
    await eventually(lambda: ("DELETE", 503) in depot.dialogue)
    depot.status = 202
    await world.advance(minutes=20)
    await depot.has_heard_last(world, kits.procedure_id)
    told = depot.heard_of(shipment_id)
    assert told[-1] == ("DELETE", 202)
    assert ("PUT", 202) not in told
