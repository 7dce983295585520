"""The local carrier on a world clock, with a product that only listens: what it takes, and what it tells."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx2
import pytest
from httpx2 import ASGITransport, AsyncClient, Request
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from local.carrier import CarrierPlace, carrier_app, carrier_worker
from local.processes import free_port
from local.rehearsal_server import RehearsalServer
from local.stack_plan import SmtpAddress, UpOptions
from models import carrier_signature
from models.clock import machine_time
from workflows.world_clock import WorldClock

KEY = "key-of-the-carrier-in-these-tests-0123456789"
NUMBERED, UNNUMBERED = "港区芝公園4-2-8", "港区芝公園"
SEED = 11
"""A first parcel that is planned once and delivered at the first try, and told of once."""
NUMBERS = count(1)


@dataclass
class Listener:
    """The product, as a transport for the carrier's requests. `statuses`: its next answers, 200 after those."""

    statuses: list[int] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    tries: int = 0

    async def hear(self, request: Request) -> httpx2.Response:
        self.tries += 1
        status = self.statuses.pop(0) if self.statuses else 200
        assert carrier_signature.is_genuine(
            KEY.encode(), "POST", request.url.path, body=request.content, sent=request.headers, now=machine_time()
        )
        if status == 200:
            self.told.append(json.loads(request.content))
        return httpx2.Response(status)

    def states(self) -> list[str]:
        """The first telling of each."""
        return list(dict.fromkeys(event["state"] for event in self.told))


@dataclass
class Depot:
    """The carrier, as a client of its orders knows it."""

    orders: AsyncClient
    clock: WorldClock
    shipment_id: str

    async def send(self, method: str, address: str = "", *, key: str = KEY) -> int:
        path = f"/shipments/{self.shipment_id}"
        told = {"kind": "delivery", "destination": {"address": address}}
        body = json.dumps(told).encode() if address else b""
        headers = carrier_signature.headers(key.encode(), method, path, body=body, at=machine_time())
        return (await self.orders.request(method, path, content=body, headers=headers)).status_code

    async def pass_time(self, **by: float) -> None:
        await self.clock.advance(await self.clock.now() + timedelta(**by))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalServer]:
    server = RehearsalServer(port=free_port(), log=tmp_path_factory.mktemp("carrier") / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def product() -> Listener:
    return Listener()


@pytest.fixture
async def depot(server: RehearsalServer, product: Listener) -> AsyncIterator[Depot]:
    client = await Client.connect(server.address, data_converter=pydantic_data_converter)
    place = CarrierPlace(port=0, api_url="http://product", temporal_address=server.address, key=KEY, seed=SEED)
    async with (
        AsyncClient(transport=httpx2.MockTransport(product.hear), base_url=place.api_url) as reports,
        AsyncClient(transport=ASGITransport(app=carrier_app(client, place)), base_url="http://depot") as orders,
        carrier_worker(client, reports, KEY),
    ):
        yield Depot(orders, WorldClock(client), f"T8000000-A-S{next(NUMBERS):08}-1")


@pytest.mark.requirement("SHP-01", "GEN-03")
async def test_an_order_that_is_repeated_is_one_parcel(depot: Depot, product: Listener) -> None:
    """Also on its way, and when it has arrived."""
    assert [await depot.send("PUT", NUMBERED) for _ in range(3)] == [202, 202, 202]
    await depot.pass_time(days=3)
    assert await depot.send("PUT", NUMBERED) == 202
    await depot.pass_time(days=9)
    assert await depot.send("PUT", NUMBERED) == 202
    await depot.pass_time(days=9)
    assert [event["state"] for event in product.told] == ["scheduled", "shipped", "delivered"]


@pytest.mark.requirement("SHP-05")
async def test_a_parcel_stays_here_when_it_is_told_to_unless_it_has_left(depot: Depot, product: Listener) -> None:
    assert await depot.send("DELETE") == 202, "of a parcel that nobody knows"
    await depot.send("PUT", NUMBERED)
    await depot.pass_time(hours=3)
    assert await depot.send("DELETE") == 202
    await depot.pass_time(days=9)
    assert product.states() == ["scheduled"]


@pytest.mark.requirement("SHP-05")
async def test_a_parcel_that_has_left_goes_on(depot: Depot, product: Listener) -> None:
    await depot.send("PUT", NUMBERED)
    await depot.pass_time(days=5)
    assert await depot.send("DELETE") == 202
    await depot.pass_time(days=9)
    assert product.states()[-1] == "delivered"


@pytest.mark.requirement("CON-08", "SHP-04")
async def test_an_address_that_nobody_finds_can_be_corrected_until_the_parcel_has_left(
    depot: Depot, product: Listener
) -> None:
    await depot.send("PUT", UNNUMBERED)
    await depot.pass_time(hours=3)
    await depot.send("PUT", NUMBERED)
    await depot.pass_time(days=9)
    assert product.states()[-1] == "delivered"


@pytest.mark.requirement("SHP-01", "GEN-02")
async def test_what_the_product_does_not_take_is_told_again_and_what_it_refuses_is_not(
    depot: Depot, product: Listener
) -> None:
    product.statuses = [503, 500, 429, 404]
    await depot.send("PUT", NUMBERED)
    await depot.pass_time(days=20)
    assert product.states()[-1] == "delivered"
    assert product.tries == len(product.told) + 4
    assert "scheduled" not in product.states()


@pytest.mark.requirement("SHP-01")
async def test_an_order_that_the_product_has_not_signed_is_not_taken(depot: Depot, product: Listener) -> None:
    assert await depot.send("PUT", NUMBERED, key="k" * 40) == 401
    await depot.pass_time(days=9)
    assert product.told == []


@pytest.mark.requirement("SHP-01")
def test_only_where_nobody_could_believe_it_is_there_a_carrier_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where a rehearsal's script plays the carrier, or another one is named; asked for, it is there."""
    here, elsewhere = Path("data"), SmtpAddress("127.0.0.1", 25)
    assert UpOptions(here).has_local_carrier
    assert not UpOptions(here, smtp=elsewhere).has_local_carrier
    assert not UpOptions(here, rehearsal=True).has_local_carrier
    assert UpOptions(here, rehearsal=True, local_carrier=True).has_local_carrier
    assert not UpOptions(here, local_carrier=False).has_local_carrier
    monkeypatch.setenv("TETSUZUKI_CARRIER__URL", "https://carrier.example")
    assert not UpOptions(here).has_local_carrier
