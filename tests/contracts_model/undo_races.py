"""Undo and the end of its window at once: `make undo-races`. One wins, and everything agrees with the answer (UND-04).

On the product as `tetsuzuki up --rehearsal` starts it: its clock jumps to shortly before the window closes and then
runs as real time does, while undos come in from just before until just after. Each contract has ended by then, with a
fee on the account and a return kit that was asked for, or has been sent.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import select

from models.calendars import is_business_day
from models.identifiers import Draw
from models.tables.procedures import AuditEntry, Procedure
from tests.contracts_model.comparison import on_paper, open_fleet
from tests.contracts_model.fleet import Facts, Fleet, Made, price_of
from tests.contracts_model.plain import DAY, PlainContract
from tests.contracts_model.script import Birth, Wish
from tests.faults.site import TENANT

_AT_ONCE = 20
"""Contracts whose windows close at the same instant."""
_KIND = "monthly_utm"
_BEFORE = 1.5  # seconds from the first undo to the deadline, and from there to the last
_DEVICES = 1


@dataclass
class Racer:
    made: Made
    plain: PlainContract
    answered: str | None = "nothing"
    """None: it was undone; else the refusal's code."""

    @property
    def undone(self) -> bool:
        return self.answered is None


@dataclass
class UndoRaces:
    """`won`: by whom. `wrong`: every contract that does not agree with the answer."""

    fleet: Fleet
    won: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def run(self, count: int) -> None:
        while (left := count - self.won.total()) > 0:
            await self._round(min(_AT_ONCE, left))

    async def _round(self, count: int) -> None:
        today = (await self.fleet.now()).date()
        first = (today.replace(day=1) + 31 * DAY).replace(day=1)
        morning = datetime.combine(first + 14 * DAY, time(10))
        await self.fleet.advance(morning)
        racers = [*await asyncio.gather(*[self._cancelled(morning) for _ in range(count)])]
        await self._send_every_other_kit(racers, morning + 8 * DAY)
        deadline = datetime.combine((first + 31 * DAY).replace(day=1), time())
        await self.fleet.advance(deadline - timedelta(seconds=_BEFORE))
        await asyncio.gather(*[self._undo(racer, 2 * _BEFORE * n / count) for n, racer in enumerate(racers)])
        await self.fleet.advance(deadline + timedelta(hours=1))
        await self._judge(racers, deadline)

    async def _cancelled(self, now: datetime) -> Racer:
        """For tomorrow, so that it has ended long before its window closes."""
        start, tomorrow = now.date(), now.date() + DAY
        made = await self.fleet.apply(Birth(now, _KIND, start, initial=12, renewal=1, quantity=1, utms=_DEVICES))
        utm_id = Draw().opaque_id()[:12]
        await self.fleet.register_utm(made, utm_id)
        plain = PlainContract(
            start=start,
            initial=12,
            renewal=1,
            utm_ids=(utm_id,),
            includes_utm=True,
            monthly=price_of(_KIND),
            is_business_day=is_business_day("JP"),
        )
        plain.apply(start)
        refused = await self.fleet.ask(made, Wish("cancel", tomorrow, with_fee=True))
        assert refused == plain.cancel(tomorrow, now, with_fee=True)
        return Racer(made, plain)

    async def _send_every_other_kit(self, racers: list[Racer], at: datetime) -> None:
        await self.fleet.advance(at)
        shipments = await self.fleet.requested_kits()
        for n, racer in enumerate(racers):
            racer.plain.live(at - 8 * DAY, at)
            [kit] = racer.plain.kits
            if n % 2:
                await self.fleet.kit_is_sent(shipments[racer.made.number, kit.utm_id, kit.ended_on], at)
                racer.plain.kit_sent(kit, at.date())

    async def _undo(self, racer: Racer, pause: float) -> None:
        await asyncio.sleep(pause)
        racer.answered = await self.fleet.ask(racer.made, Wish("undo-cancellation"))

    # No half state.

    async def _judge(self, racers: list[Racer], deadline: datetime) -> None:
        facts = await self.fleet.facts()
        for racer in racers:
            if racer.undone:
                racer.plain.undo(deadline - timedelta(seconds=1))
            self.won["undo" if racer.undone else "the window's end"] += 1
            if racer.answered not in {None, "undo_window_closed"}:
                self._differs(racer, f"was answered {racer.answered}")
            real, paper = _told(facts[racer.made.number]), _told(on_paper(racer.plain))
            if real != paper:
                self._differs(racer, f"is {real}, on paper {paper}")
            await self._look_at_procedure(racer, deadline.date())

    async def _look_at_procedure(self, racer: Racer, today: date) -> None:
        """Audit log, procedure and status say what the answer said."""
        procedure_id = f"contract-{TENANT}-{racer.made.number}"
        async with self.fleet.database.transaction(TENANT) as connection:
            found = await connection.execute(
                select(AuditEntry.what).where(
                    AuditEntry.tenant_id == TENANT,
                    AuditEntry.procedure_id == procedure_id,
                    AuditEntry.what.in_(("cancellation_undone", "undo_window_closed")),
                )
            )
            state = await connection.scalar(
                select(Procedure.state).where(Procedure.tenant_id == TENANT, Procedure.procedure_id == procedure_id)
            )
        told = [*found.scalars()]
        expected = (["cancellation_undone"], "active") if racer.undone else (["undo_window_closed"], "cancelled")
        if (told, state) != expected:
            self._differs(racer, f"has {told} and is shown {state} on {today}")

    def _differs(self, racer: Racer, how: str) -> None:
        self.wrong.append(f"{racer.made.number}, {'undone' if racer.undone else 'too late'}: {how}")


def _told(facts: Facts) -> tuple[object, ...]:
    """The mails without their days: a recall that follows an undo in the last second is of the next."""
    return (facts.terms, Counter(template for _, template in facts.mails), facts.kits, facts.fees)


async def race(folder: Path, count: int) -> UndoRaces:
    async with open_fleet(folder) as fleet:
        races = UndoRaces(fleet)
        await races.run(count)
        return races
