"""A UTM's restarts while mails of earlier ones still wait for an operator: the procedure lives as long as they do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from activities.restart_rows import restarts_of
from models.tables.contracts import Contract
from models.tables.procedures import Mail
from tests.api.test_customers import CUSTOMERS, created
from tests.processes import test_fleet_restart as fleets
from tests.processes import test_restart as restarts
from tests.processes.test_restart import ALERTS, Desk
from tests.shipping import at_attention, attention_of
from tests.utm_customers import UTM, contract
from tests.world import TENANT, eventually

OTHER = "alert@hikari.example"
desk = restarts.desk  # the fixture there is the one here


async def refused(desk: Desk) -> str:
    """A restart that was scheduled and taken back, and whose mail nobody took. Returns the step that waits."""
    desk.world.mails.answer = lambda recipient: "550 no such mailbox" if recipient == ALERTS else None
    assert (await desk.ask(await desk.slot())).status_code == 202
    procedure_id = restarts_of(await desk.utm()).procedure_id
    assert (await desk.cancel()).status_code == 200

    async def both() -> bool:
        return len(await attention_of(desk.world, procedure_id)) == 2

    await eventually(both)
    return procedure_id


async def registered_anew(desk: Desk) -> None:
    assert (await desk.api.delete(desk.url, headers=desk.staff)).status_code == 204
    answer = await desk.api.post(desk.url.rpartition("/")[0], json=UTM, headers=desk.staff)
    assert answer.status_code == 201, answer.text


@pytest.mark.requirement("GEN-08")
async def test_what_waits_for_an_operator_is_shown_on_after_the_next_restart_has_begun(desk: Desk) -> None:
    """The mails of the last one, which nobody took, are still there to be helped."""
    procedure_id = await refused(desk)
    waiting = await attention_of(desk.world, procedure_id)
    await desk.heartbeat()
    assert (await desk.ask("now")).status_code == 202
    await at_attention(desk.world, procedure_id, *waiting)


@pytest.mark.requirement("UTM-04", "RST-02")
async def test_a_utm_registered_anew_is_restarted_while_mails_of_its_former_registration_wait(desk: Desk) -> None:
    """Nothing of the former registration is in its way, nor taken for its own."""
    await refused(desk)
    assert (await desk.ask(await desk.slot())).status_code == 202
    await registered_anew(desk)
    await desk.heartbeat()
    asked = await desk.ask("now")
    assert (asked.status_code, asked.json()["state"]) == (202, "requested"), asked.text
    assert [item["state"] for item in await desk.history()] == ["requested"]
    slot = await desk.slot(ahead=40)
    assert (await desk.ask(slot)).json()["state"] == "scheduled"
    assert (await desk.cancel()).json()["state"] == "cancelled"


@pytest.mark.requirement("UTM-04", "RST-08")
async def test_a_fleet_restart_looks_after_a_utm_registered_anew_as_after_any_other(desk: Desk) -> None:
    """Its slot comes, nobody confirms it, and the fleet restart is over."""
    await refused(desk)
    await registered_anew(desk)
    at = await desk.slot(ahead=4)
    fleet = await fleets.ask(desk.api, desk.staff, utm_ids=[UTM["utm_id"]], at=at.isoformat(), per_slot=1)
    await desk.world.advance_to(at + timedelta(minutes=15, seconds=1))
    assert (await desk.eventually("failed"))["reason"] == "offline"
    await desk.world.advance(hours=1)
    assert (await fleets.read(desk.api, desk.staff, fleet))["state"] == "finished"


@pytest.mark.requirement("CUS-05", "UTM-04")
async def test_a_deleted_customer_is_erased_from_the_restarts_of_a_utm_that_is_another_ones_by_then(desk: Desk) -> None:
    """Those are one procedure: what it has written to the other one stays."""
    assert (await desk.ask(await desk.slot())).status_code == 202
    await desk.world.mails_to(ALERTS, 1)
    assert (await desk.api.delete(desk.url, headers=desk.staff)).status_code == 204
    other = await created(desk.api, desk.staff)
    await contract(desk.world, other["customer_id"])
    utms = f"{CUSTOMERS}/{other['customer_id']}/utms"
    answer = await desk.api.post(utms, json={**UTM, "customer_addresses": [OTHER]}, headers=desk.staff)
    assert answer.status_code == 201, answer.text
    theirs = replace(desk, url=f"{utms}/{UTM['utm_id']}")
    assert (await theirs.ask(await desk.slot())).status_code == 202
    await desk.world.mails_to(OTHER, 1)
    former = desk.url.partition("/utms/")[0]
    day = (await desk.world.clock.now()).date() - timedelta(days=99)
    ended = {"status": "cancelled", "cancellation_date": day, "cancelled_at": func.now(), "ended_at": func.now()}
    async with desk.world.database.transaction(TENANT) as connection:
        mine = Contract.customer_id == former.rpartition("/")[2]
        await connection.execute(update(Contract).where(mine).values(**ended))
    answer = await desk.api.delete(former, headers=desk.staff)
    assert answer.status_code == 204, answer.text
    async with desk.world.database.transaction(TENANT) as connection:
        recipients = [*(await connection.execute(select(Mail.recipient))).scalars()]
    assert [one for one in recipients if not one.startswith("erased:")] == [OTHER]
