"""The short form of `make model-comparison`, and the paper calendar against the rules."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from models.calendars import is_business_day
from models.rules.contract_agenda import Calendar, Event, agenda
from models.rules.contract_terms import Terms, term_on
from models.rules.fees import whole_months_left
from tests.contracts_model.comparison import compare
from tests.contracts_model.fleet import ZONE
from tests.contracts_model.plain import EARLY, PlainContract
from tests.contracts_model.script import births, instants
from tests.contracts_model.undo_races import race

FIRST = datetime(2026, 11, 22, 10)  # noqa: DTZ001 - the tenant's own time


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.requirement("CON-03", "CON-04", "CON-05", "CAN-08", "UND-02", "UND-06", "KIT-01")
async def test_a_few_contracts_live_as_the_paper_calendar_says(tmp_path: Path) -> None:
    """Terms, status, mails, fees and kits are the same after five months of seeded commands."""
    result = await compare(tmp_path, contracts=12, months=5, seed=5)
    assert result.differences == []
    assert result.contracts == 12
    assert result.renewals > 0
    assert result.kits > 0


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.requirement("UND-02", "UND-03", "UND-04")
async def test_of_an_undo_and_the_end_of_the_window_exactly_one_wins(tmp_path: Path) -> None:
    """Undos just before the deadline and just after; terms, fee, kit, mails and timeline agree with the answer."""
    races = await race(tmp_path, 8)
    assert races.wrong == []
    assert races.won.keys() == {"undo", "the window's end"}


@pytest.mark.requirement("CON-03", "CON-04", "CON-05", "CAN-02", "CAN-08")
@pytest.mark.parametrize("seed", range(8))
def test_the_rules_agree_with_the_paper_calendar(seed: int) -> None:
    """Day by day: terms, notices, ends and fees of contracts that nobody touches, or that are cancelled at once."""
    draw = random.Random(seed)
    for birth in births(draw, 40, instants(draw, FIRST, 300)):
        plain = PlainContract(birth.start, birth.initial, birth.renewal, (), True, 100, is_business_day("JP"))  # noqa: FBT003 - with UTM
        terms = Terms(birth.start, birth.initial, birth.renewal)
        calendar = Calendar(terms, "Asia/Tokyo", tuple(timedelta(days=early) for early in EARLY))
        day = birth.at.date() + timedelta(days=draw.randint(0, 500))
        if draw.random() < 0.5 and plain.cancel(day, birth.at, with_fee=True) is None:
            calendar = replace(calendar, cancelled_for=day)
            assert [charge.amount // 100 for charge in plain.charges] == [
                months for months in [whole_months_left(terms, day)] if months
            ]
        plain.mails.clear()
        until = birth.at + timedelta(days=800)
        plain.live(birth.at, until)
        lived = [*agenda(calendar, _instant(birth.at), _instant(until))]
        assert [due.at.astimezone(ZONE).date() for due in lived if due.event is Event.NOTICE] == [
            mail.day for mail in plain.mails
        ]
        assert plain.has_ended == any(due.event in (Event.END, Event.EXPIRY) for due in lived)
        assert plain.term == sum(due.event is Event.RENEWAL for due in lived)
        running = term_on(terms, until.date())
        if not plain.has_ended and running:
            assert (plain.term, plain.ends) == (running.number, running.last_day)


def _instant(local: datetime) -> datetime:
    return local.replace(tzinfo=ZONE).astimezone(UTC)


def test_the_paper_calendar_knows_the_examples() -> None:
    """Monthly from 31 January 2027, yearly from 29 February 2028."""
    monthly = PlainContract(date(2027, 1, 31), 1, 1, (), True, None, is_business_day("JP"))  # noqa: FBT003 - with UTM
    assert [day.isoformat() for day in monthly.begins[:5]] == [
        *("2027-01-31", "2027-03-01", "2027-03-31", "2027-05-01", "2027-05-31")
    ]
    yearly = PlainContract(date(2028, 2, 29), 12, 12, (), True, None, is_business_day("JP"))  # noqa: FBT003 - likewise
    assert [day.isoformat() for day in yearly.begins[:3]] == ["2028-02-29", "2029-03-01", "2030-03-01"]
