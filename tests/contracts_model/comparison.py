"""Lets the product and the paper calendar live through the same months, and names every difference."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx2

from models.calendars import is_business_day
from models.database import Database
from tests.contracts_model.fleet import AT_ONCE, Facts, Fleet, Made, price_of
from tests.contracts_model.plain import DAY, PlainContract
from tests.contracts_model.script import Birth, Wish, births, eagerness, instants, wish
from tests.faults.site import site

_APPLIED_WITHIN = 0.4
"""The part of the time in which contracts are applied for; the rest of it they only live."""

_TAKEN = 0.7
"""The share of the waiting kits that the carrier takes each time it is asked about."""


@dataclass
class Pair:
    """One contract, at the product and on paper."""

    birth: Birth
    made: Made
    plain: PlainContract
    lived_until: datetime
    wishes: list[str] = field(default_factory=list)


@dataclass
class Result:
    contracts: int
    commands: Counter[str] = field(default_factory=Counter)
    mails: int = 0
    kits: int = 0
    renewals: int = 0
    differences: list[str] = field(default_factory=list)
    seconds: float = 0


class Comparison:
    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet = fleet
        self._draw = random.Random(seed)
        self._pairs: list[Pair] = []
        self._result = Result(0)

    async def run(self, *, contracts: int, months: int) -> Result:
        began = time.monotonic()
        first = datetime.combine((await self._fleet.now()).date() + DAY, datetime.min.time()) + timedelta(hours=10)
        moments = instants(self._draw, first, months * 30)
        applying = births(self._draw, contracts, moments[: max(1, int(len(moments) * _APPLIED_WITHIN))])
        for moment in moments:
            await self._go_to(moment)
            await self._apply([birth for birth in applying if birth.at == moment])
            await asyncio.gather(*[self._ask(*deeds, moment) for deeds in self._drawn(moment, len(moments))])
            await self._deliver(moment)
        await self._go_to(first + timedelta(days=months * 30 + 70))
        await self._compare()
        self._result.contracts, self._result.seconds = len(self._pairs), time.monotonic() - began
        return self._result

    # Time.

    async def _go_to(self, moment: datetime) -> None:
        unfinished = await self._fleet.advance(moment)
        self._result.differences += [f"{moment}: {procedure_id} did not do what was due" for procedure_id in unfinished]
        for pair in self._pairs:
            pair.plain.live(pair.lived_until, moment)
            pair.lived_until = moment

    # What people do.

    async def _apply(self, asked: list[Birth]) -> None:
        made = await asyncio.gather(*[self._fleet.apply(birth) for birth in asked])
        for birth, contract in zip(asked, made, strict=True):
            price = price_of(birth.kind)
            plain = PlainContract(
                start=birth.start,
                initial=birth.initial,
                renewal=birth.renewal,
                utm_ids=(),
                includes_utm=birth.kind.endswith("utm"),
                monthly=None if price is None else price * birth.quantity,
                is_business_day=is_business_day("JP"),
            )
            plain.apply(birth.at.date())
            self._pairs.append(Pair(birth, contract, plain, birth.at))

    def _drawn(self, now: datetime, moments: int) -> list[tuple[Pair, tuple[str, ...], Wish]]:
        """Who is asked for what; drawn before anything is sent, so that the seed alone decides."""
        chosen = [pair for pair in self._pairs if self._draw.random() < eagerness(pair.plain, now, moments)]
        return [(pair, self._new_utms(pair, now), wish(self._draw, pair.plain, now)) for pair in chosen]

    async def _ask(self, pair: Pair, utm_ids: tuple[str, ...], wanted: Wish, now: datetime) -> None:
        for utm_id in utm_ids:
            await self._fleet.register_utm(pair.made, utm_id)
        expected = self._on_paper(pair.plain, wanted, now)
        answered = await self._fleet.ask(pair.made, wanted)
        pair.wishes.append(f"{now:%Y-%m-%d %H:%M} {wanted.act} {wanted.day or ''} → {answered or 'done'}")
        self._result.commands[f"{wanted.act}: {answered or 'done'}"] += 1
        if answered != expected:
            self._differs(pair, f"answers {answered}, on paper {expected}")

    def _on_paper(self, plain: PlainContract, wanted: Wish, now: datetime) -> str | None:
        if wanted.day is None:
            return plain.undo(now)
        if wanted.act == "cancel":
            return plain.cancel(wanted.day, now, with_fee=wanted.with_fee)
        return plain.move(wanted.day, now)

    def _new_utms(self, pair: Pair, now: datetime) -> tuple[str, ...]:
        """Registered once the contract is in force."""
        plain = pair.plain
        if plain.utm_ids or plain.has_ended or now.date() < plain.start:
            return ()
        plain.utm_ids = tuple(f"{self._draw.getrandbits(48):012x}" for _ in range(pair.birth.utms))
        return plain.utm_ids

    async def _deliver(self, now: datetime) -> None:
        """The carrier takes most of the kits that it was asked to take."""
        shipments = await self._fleet.requested_kits()
        waiting = [
            (kit, shipments[key])
            for pair in self._pairs
            for kit in pair.plain.kits
            if (key := (pair.made.number, kit.utm_id, kit.ended_on)) in shipments
        ]
        taken = [one for one in waiting if self._draw.random() < _TAKEN]
        await asyncio.gather(*[self._fleet.kit_is_sent(shipment_id, now) for _, shipment_id in taken])
        for pair in self._pairs:
            for kit in pair.plain.kits:
                if any(kit is one for one, _ in taken):
                    pair.plain.kit_sent(kit, now.date())

    # The difference.

    async def _compare(self) -> None:
        facts = await self._fleet.facts()
        for pair in self._pairs:
            real, paper = facts[pair.made.number], on_paper(pair.plain)
            self._result.mails += len(real.mails)
            self._result.kits += len(real.kits)
            self._result.renewals += pair.plain.term
            for name in ("terms", "mails", "kits", "fees"):
                if getattr(real, name) != getattr(paper, name):
                    self._differs(pair, f"{name} {_without(real, paper, name)}, on paper {_without(paper, real, name)}")

    def _differs(self, pair: Pair, how: str) -> None:
        birth = f"{pair.birth.kind} from {pair.birth.start}, {pair.birth.initial}+{pair.birth.renewal} months"
        self._result.differences.append(f"{pair.made.number} ({birth}): {how}; {'; '.join(pair.wishes)}")


def on_paper(plain: PlainContract) -> Facts:
    """What the product's tables should say."""
    return Facts(
        terms=(plain.status, plain.cancelled_for, plain.has_ended, plain.term, plain.ends),
        mails=tuple(sorted((mail.day, mail.template) for mail in plain.mails)),
        kits=tuple(sorted((kit.utm_id, kit.ended_on, kit.state) for kit in plain.kits)),
        fees=tuple(sorted((charge.day, charge.amount, charge.is_reversed) for charge in plain.charges)),
    )


def _without(facts: Facts, others: Facts, name: str) -> list[str]:
    """What only the one of them has."""
    left = Counter(getattr(facts, name))
    left.subtract(Counter(getattr(others, name)))
    return [str(one) for one, count in left.items() if count > 0]


@asynccontextmanager
async def open_fleet(folder: Path) -> AsyncIterator[Fleet]:
    """The product, as `tetsuzuki up --rehearsal` starts it, with a catalogue."""
    async with site(folder, "--rehearsal") as place:
        limits = httpx2.Limits(max_connections=4 * AT_ONCE)
        database = Database(place.database_url, pool_size=2)
        async with httpx2.AsyncClient(base_url=place.api_url, timeout=600, limits=limits) as api:
            fleet = Fleet(place, api, database)
            await fleet.prepare()
            yield fleet
        await database.close()


async def compare(folder: Path, *, contracts: int, months: int, seed: int) -> Result:
    async with open_fleet(folder) as fleet:
        return await Comparison(fleet, seed).run(contracts=contracts, months=months)
