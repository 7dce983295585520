"""What becomes of a parcel at the local carrier's, for many seeds, and what the product's rules make of it."""

import random
from datetime import datetime, timedelta

import pytest

from local.carrier_journey import Order, Telling, shipped_at, tellings, waybill_number
from models.rules.kit_decisions import kit_after
from models.rules.shipments import Parcel, Report, after
from models.vocabulary import ParcelKind, ReturnKitState, ShipmentState

ORDERED_AT = datetime.fromisoformat("2026-11-20T09:00:00+09:00")
SEEDS = range(300)
LATEST = timedelta(days=20)


def order(seed: int, kind: ParcelKind = ParcelKind.DELIVERY) -> Order:
    return Order(f"T8000000-A-S{seed:08}-1", kind, seed, number=1)


def said_of(seed: int, kind: ParcelKind = ParcelKind.DELIVERY, *, is_findable: bool = True) -> list[Telling]:
    return tellings(order(seed, kind), ORDERED_AT, is_findable=is_findable)


def heard(told: list[Telling], kind: ParcelKind) -> tuple[Parcel, ReturnKitState]:
    """The parcel, and the kit if it is one, once the product has heard all of it."""
    parcel, kit = Parcel(kind), ReturnKitState.REQUESTED
    for event in (telling.event for telling in told):
        parcel = after(
            parcel, Report(event.state, event.occurred_at, event.planned_arrival_date, None, event.waybill_number)
        )
        kit = kit_after(kit, [parcel])
    return parcel, kit


def states(told: list[Telling]) -> set[ShipmentState]:
    return {telling.event.state for telling in told}


@pytest.mark.requirement("SHP-01")
def test_the_same_seed_says_the_same() -> None:
    """And another order of the same seed says something else."""
    assert said_of(5) == said_of(5)
    fates = {str(said_of(seed)) for seed in SEEDS}
    assert len(fates) == len(SEEDS)
    assert waybill_number("T8000000-A-S00000001-1") != waybill_number("T8000000-A-S00000002-1")


@pytest.mark.requirement("SHP-01", "SHP-02")
def test_every_parcel_arrives_where_it_can_be_found_however_it_is_told_of() -> None:
    """In the carrier's own order, and in any other."""
    for seed in SEEDS:
        told = said_of(seed)
        shuffled = random.Random(seed).sample(told, len(told))
        parcel, _ = heard(told, ParcelKind.DELIVERY)
        assert parcel == heard(shuffled, ParcelKind.DELIVERY)[0]
        assert parcel.state is ShipmentState.DELIVERED
        assert parcel.waybill_number == waybill_number(order(seed).shipment_id)
        assert ORDERED_AT < told[0].at <= told[-1].at < ORDERED_AT + LATEST


@pytest.mark.requirement("KIT-01", "KIT-03", "KIT-04")
def test_a_kit_leaves_on_the_day_it_is_ordered_and_the_device_comes_home_or_is_kept() -> None:
    ends = set()
    for seed in SEEDS:
        told = said_of(seed, ParcelKind.RETURN_KIT)
        sent = shipped_at(order(seed, ParcelKind.RETURN_KIT), ORDERED_AT, is_findable=True)
        assert sent.date() == ORDERED_AT.date()
        came_home = ShipmentState.RETURNED in states(told)
        kit = heard(told, ParcelKind.RETURN_KIT)[1]
        assert kit is (ReturnKitState.RECEIVED if came_home else ReturnKitState.SENT)
        ends.add(kit)
    assert ends == {ReturnKitState.RECEIVED, ReturnKitState.SENT}


@pytest.mark.requirement("KIT-03", "SHP-04")
@pytest.mark.parametrize("kind", ParcelKind)
def test_an_address_that_nobody_finds_sends_the_parcel_back(kind: ParcelKind) -> None:
    """A device goes astray, and a kit waits for staff to correct the address."""
    for seed in SEEDS:
        parcel, kit = heard(said_of(seed, kind, is_findable=False), kind)
        assert parcel.state is ShipmentState.RETURNED
        assert kind is ParcelKind.DELIVERY or kit is ReturnKitState.UNDELIVERABLE


@pytest.mark.requirement("SHP-01", "SHP-02")
def test_the_carrier_has_its_bad_days_but_not_many() -> None:
    """Delays, failed deliveries, events told twice, and events that overtake each other: each now and then."""
    all_told = [said_of(seed) for seed in SEEDS]
    shares = {
        "delayed": sum(len({t.event.planned_arrival_date for t in told} - {None}) > 1 for told in all_told),
        "failed": sum(ShipmentState.UNDELIVERABLE in states(told) for told in all_told),
        "told twice": sum(len({t.event_id for t in told}) < len(told) for told in all_told),
        "out of order": sum(
            [t.event.occurred_at for t in told] != sorted(t.event.occurred_at for t in told) for told in all_told
        ),
    }
    for what, count in shares.items():
        assert 0.1 < count / len(SEEDS) < 0.9, what
