"""What still comes about a customer that has been erased, and what comes while it is (CUS-05)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import WorkflowUpdateFailedError

from models.messages.return_kit_steps import ResendKit
from models.rules.periods import morning_of
from models.tables.approvals import Administrator
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.idempotent_answers import IdempotentAnswer
from models.tables.shipments import ReturnKit
from models.tables.shipments import Shipment as Parcels
from tests.accounts import make_customer
from tests.api.test_administrators import TARO
from tests.api.test_customers import COMPANY, CUSTOMERS
from tests.contracts import ZONE, early_in_a_month, open_office
from tests.processes.test_return_kit import UTM_ID, Ended, register
from tests.shipping import attention_of, parcel, report, shipped
from tests.world import TENANT, World, eventually
from workflows import schedules

HANAKO = {"last_name": "山田", "first_name": "花子", "mail_address": "hanako@minato.example"}


async def deleted(api: AsyncClient, staff: dict[str, str], customer_id: str) -> None:
    assert (await api.delete(f"{CUSTOMERS}/{customer_id}", headers=staff)).status_code == 204


@pytest.mark.requirement("CUS-05", "SHP-02")
@pytest.mark.parametrize("is_of_before", [False, True], ids=["", "as versions of before left it"])
async def test_a_carrier_goes_on_reporting_of_an_erased_customers_parcel(
    api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str], *, is_of_before: bool
) -> None:
    """Nobody is told, and no operator is asked; to staff it is gone with its customer."""
    new = await shipped(world, api, staff)
    url = f"{CUSTOMERS}/{new.customer_id}/contracts/{new.contract_number}/shipment"
    assert (await api.get(url, headers=staff)).status_code == 200
    await deleted(api, staff, new.customer_id)
    if is_of_before:
        async with world.database.transaction(TENANT) as connection:
            await connection.execute(update(Parcels).values(destination={}))
    for headers in (staff, operator):
        gone = await api.get(url, headers=headers)
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    planned = (await world.clock.now()).date() + timedelta(days=3)
    said = await report(api, operator, new.shipment_id, "1", "requested", planned_arrival_date=planned.isoformat())
    assert said["state"] == (await parcel(world, new.shipment_id)).state
    assert (await parcel(world, new.shipment_id)).planned_arrival_date == planned
    assert await attention_of(world, new.identity.procedure_id) == []
    assert world.mails.mails == []


@pytest.mark.requirement("CUS-05", "KIT-03")
async def test_no_kit_is_sent_again_to_where_an_erased_customer_is_said_to_be(
    api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Neither by the route, nor by a command that was accepted before; that the device is back can still be said."""
    await early_in_a_month(world)
    office = await open_office(api, world, staff, operator)
    number = (await office.apply())["contract_number"]
    await register(office)
    today = await office.today()
    await office.cancel(number, today.isoformat())
    await world.advance_to(morning_of((today.replace(day=1) + timedelta(days=32)).replace(day=6), ZONE))
    kit = Ended(office, world, api, operator, number, today)
    await kit.at_state("requested")
    await api.delete(f"{CUSTOMERS}/{office.customer_id}/utms/{UTM_ID}", headers=staff)
    await deleted(api, staff, office.customer_id)
    status, refused = await kit.staff_do("resend", address="山田ビル9-9")
    assert (status, refused["code"]) == (404, "not_found")
    command = ResendKit(command_id="resend", actor="staff:x", postal_code="105-0001", address="山田ビル9-9")
    with pytest.raises(WorkflowUpdateFailedError):
        await world.client.get_workflow_handle(kit.procedure_id).execute_update("resend", command, id="resend")
    async with world.database.transaction(TENANT) as connection:
        assert (await connection.execute(select(ReturnKit.postal_code, ReturnKit.address))).all() == [("", "")]
    assert (await kit.staff_do("received"))[0] == 200


@pytest.mark.requirement("CUS-05", "GEN-03")
async def test_a_repetition_gives_nobody_back_who_has_been_erased(api: AsyncClient, staff: dict[str, str]) -> None:
    """Nor does it make them anew."""
    made = await api.post(CUSTOMERS, json=COMPANY, headers={**staff, "Idempotency-Key": "company"})
    url = f"{CUSTOMERS}/{made.json()['customer_id']}"
    user = await api.post(f"{url}/users", json=HANAKO, headers=staff)
    resend = f"{url}/users/{user.json()['user_id']}/resend"
    for marked in (None, "true"):
        answer = await api.post(resend, json={}, headers={**staff, "Idempotency-Key": "again"})
        assert (answer.json()["last_name"], answer.headers.get("Idempotent-Replayed")) == ("山田", marked)
    await deleted(api, staff, made.json()["customer_id"])
    for path, body, key in ((resend, {}, "again"), (CUSTOMERS, COMPANY, "company")):
        answer = await api.post(path, json=body, headers={**staff, "Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    changed = await api.post(CUSTOMERS, json=COMPANY | {"memo1": "x"}, headers={**staff, "Idempotency-Key": "company"})
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")
    assert (await api.get(CUSTOMERS, headers=staff)).json()["total"] == 0


@pytest.mark.requirement("AUT-05", "GEN-03")
async def test_a_secret_that_is_shown_once_is_repeated_for_a_day(
    api: AsyncClient, world: World, staff: dict[str, str]
) -> None:
    """Afterwards the request is still known to be done, and nothing keeps what it was answered."""
    keyed, path, body = {"Idempotency-Key": "key"}, f"/v1/tenants/{TENANT}/api-keys", {"name": "k", "scope": "read"}
    first = await api.post(path, json=body, headers=staff | keyed)
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    await world.advance(hours=10)
    assert (await api.post(path, json=body, headers=staff | keyed)).json() == first.json()
    machine = {"Authorization": f"Bearer {first.json()['key']}"}
    await world.advance(days=2)
    assert (await api.get(CUSTOMERS, headers=machine)).status_code == 200
    async with world.database.transaction() as connection:
        kept = (await connection.execute(select(IdempotentAnswer.body, IdempotentAnswer.is_secret))).all()
    assert kept == [(b"", True)]


@pytest.mark.requirement("CUS-05")
async def test_an_administrator_named_while_the_company_is_erased_is_not_written_down(
    api: AsyncClient, world: World, staff: dict[str, str]
) -> None:
    customer_id = await make_customer(world)
    url = f"{CUSTOMERS}/{customer_id}/administrators"
    async with being_erased(world, customer_id):
        naming = asyncio.create_task(api.post(url, json=TARO, headers=staff))
        await waits_or_is_done(world, naming)
    assert (await naming).status_code == 404
    async with world.database.transaction(TENANT) as connection:
        assert await connection.scalar(select(func.count()).select_from(Administrator)) == 0


@pytest.mark.requirement("CUS-05", "CON-08")
async def test_a_memo_written_while_the_company_is_erased_is_not_kept(
    api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """The contract is emptied, and whoever waited for that finds the customer gone."""
    office = await open_office(api, world, staff, operator)
    number = (await office.apply(memo1="山田さま"))["contract_number"]
    async with being_erased(world, office.customer_id) as erasure:
        await erasure.execute(update(Contract).values(memo1=None))
        changing = asyncio.create_task(api.patch(f"{office.url}/{number}", json={"memo1": "太郎さま"}, headers=staff))
        await waits_or_is_done(world, changing)
    assert (await changing).status_code == 404
    async with world.database.transaction(TENANT) as connection:
        assert await connection.scalar(select(Contract.memo1)) is None


@asynccontextmanager
async def being_erased(world: World, customer_id: str) -> AsyncIterator[AsyncConnection]:
    """Until the end of the block: an erasure has begun, and is not yet committed."""
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(select(Customer.customer_id).with_for_update())
        now = await world.clock.now()
        theirs = update(Customer).where(Customer.customer_id == customer_id)
        await connection.execute(theirs.values(deleted_at=now, company_name=""))
        yield connection


async def waits_or_is_done(world: World, task: asyncio.Task[Response]) -> None:
    async def so() -> bool:
        async with world.database.transaction() as connection:
            waiting = await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        return bool(waiting) or task.done()

    await eventually(so)
