"""What happens to a fleet of contracts, drawn from a seed: who applies when, and who asks for what.

Commands come at times of day that lie well apart from everything the calendar does, because the product's clock runs on
while a batch of them is carried out; the seconds around a deadline have tests of their own.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tests.contracts_model.plain import DAY, PlainContract

_TIMES = (time(0, 30), time(7, 30), time(10), time(15), time(23))
_RENEWALS = (1, 1, 3, 6, 12, 12, 24, 0)
_INITIALS = (1, 2, 6, 12, 12, 12, 24)
_AWKWARD = (date(2027, 1, 31), date(2027, 1, 30), date(2027, 1, 29), date(2027, 2, 28), date(2027, 3, 31))


@dataclass(frozen=True)
class Wish:
    """`act`: cancel, reschedule-cancellation or undo-cancellation."""

    act: str
    day: date | None = None
    with_fee: bool = False
    repeats: bool = False
    """Sent twice with the same key."""


@dataclass(frozen=True)
class Birth:
    """`kind`: which product of the catalogue. `utms`: how many devices it gets."""

    at: datetime
    kind: str
    start: date
    initial: int
    renewal: int
    quantity: int
    utms: int


def instants(draw: random.Random, first: datetime, days: int) -> list[datetime]:
    """When anything is asked for at all, in the tenant's own time: every few days, at one of a few times of day."""
    found, day = [first], first.date()
    while (day := day + draw.randint(1, 5) * DAY) <= first.date() + days * DAY:
        found.append(datetime.combine(day, draw.choice(_TIMES)))
    return found


def births(draw: random.Random, count: int, at: list[datetime]) -> list[Birth]:
    return [_birth(draw, draw.choice(at)) for _ in range(count)]


def eagerness(contract: PlainContract, now: datetime, moments: int) -> float:
    """How likely it is to be asked for something now: a few times while it goes on, often while it can be undone."""
    if contract.status == "active":
        return 4 / moments
    day = contract.cancelled_for
    return 0.3 if day and (now.year, now.month) <= (day.year, day.month) else 0.5 / moments


def wish(draw: random.Random, contract: PlainContract, now: datetime) -> Wish:
    """Something that fits the contract's state, mostly; now and then something that it has to refuse."""
    repeats = draw.random() < 0.05
    acts = (
        ["cancel"]
        if contract.status == "active"
        else ["undo-cancellation", "undo-cancellation", "reschedule-cancellation"]
    )
    if draw.random() < 0.1:
        acts = ["cancel", "undo-cancellation", "reschedule-cancellation"]
    act = draw.choice(acts)
    if act == "undo-cancellation":
        return Wish(act, repeats=repeats)
    with_fee = act == "cancel" and draw.random() < (0.5 if contract.monthly is not None else 0.1)
    return Wish(act, _day(draw, contract, now.date()), with_fee, repeats)


def _birth(draw: random.Random, at: datetime) -> Birth:
    kind = draw.choice(("monthly_utm", "monthly_utm", "monthly_utm", "yearly_utm", "monthly"))
    today = at.date()
    start = today if draw.random() < 0.5 else today + draw.randint(0, 100) * DAY
    if draw.random() < 0.2:
        start = max(today, draw.choice(_AWKWARD))
    return Birth(
        at=at,
        kind=kind,
        start=start,
        initial=draw.choice(_INITIALS),
        renewal=draw.choice(_RENEWALS),
        quantity=draw.randint(1, 3),
        utms=draw.randint(0, 2) if kind.endswith("utm") else 0,
    )


def _day(draw: random.Random, contract: PlainContract, today: date) -> date:
    """Soon, mostly; or a day on which something turns: the last of a term, the first of one, the last of a month."""
    month_ends = today.replace(day=1) + timedelta(days=31)
    choices = [
        today,
        today + draw.randint(0, 40) * DAY,
        today + draw.randint(0, 150) * DAY,
        max(today, contract.ends),
        max(today, contract.ends + DAY),
        month_ends.replace(day=1) - DAY,
        today - DAY,
    ]
    return draw.choices(choices, weights=(3, 4, 2, 2, 2, 2, 1))[0]
