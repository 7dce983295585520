"""What a dry run tells before anything is done (CAN-03, CON-08, UND-02, UND-03)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.consequence_wording import sentence
from models.calendars import is_business_day
from models.durations import Durations
from models.rules.cancellation import cancellation_date_errors, undo_deadline
from models.rules.cancellation_consequences import of_cancelling, of_moving
from models.rules.consequences import Consequence, Device, Situation
from models.rules.contract_agenda import Calendar, Event, agenda
from models.rules.contract_terms import Terms
from models.rules.decision_consequences import Undecided, of_deciding
from models.rules.deletion_consequences import of_deleting
from models.rules.fees import Fee
from models.rules.periods import day_of
from models.rules.undo_consequences import kit_undoing, of_changing, of_undoing
from models.vocabulary import ConsequenceKind as Kind
from models.vocabulary import Decision, Language, ReturnKitState

TOKYO = ZoneInfo("Asia/Tokyo")
DURATIONS = Durations()
NOW = datetime(2027, 9, 10, 1, 30, tzinfo=UTC)
DEVICES = (
    Device("a1a1b2b2c3c3", "105-0011", "東京都港区芝公園4-2-8", "港区芝公園"),
    Device("a1a1b2b2c3c4", "108-0073", "東京都港区三田", "港区三田"),
)
YEARLY = Situation(
    calendar=Calendar(Terms(date(2027, 4, 1), 12, 12), "Asia/Tokyo", DURATIONS.contract_renewal_notices),
    includes_utm=True,
    contact="taro@example.com",
    portal_users=2,
    notification_addresses=("sales@partner.example", "desk@partner.example"),
    is_business_day=is_business_day("JP"),
    portal_closing=DURATIONS.portal_closing,
    kit_due=DURATIONS.return_kit_due,
    devices=DEVICES,
)
CANCELLED = replace(
    YEARLY,
    calendar=replace(YEARLY.calendar, cancelled_for=date(2028, 3, 20)),
    cancelled_at=datetime(2027, 9, 1, tzinfo=UTC),
)
SITUATIONS = st.builds(
    lambda start, lengths, zone, **kept: replace(
        YEARLY, calendar=Calendar(Terms(start, *lengths), zone, DURATIONS.contract_renewal_notices), **kept
    ),
    st.dates(date(2027, 1, 1), date(2029, 12, 31)),
    st.tuples(st.integers(1, 26), st.integers(0, 13)),
    st.sampled_from(("Asia/Tokyo", "America/New_York", "Australia/Lord_Howe")),
    ships=st.booleans(),
    includes_utm=st.booleans(),
    other_last_days=st.lists(st.none() | st.dates(date(2026, 1, 1), date(2031, 1, 1)), max_size=2),
)


def told(consequences: list[Consequence]) -> list[tuple[str, str]]:
    return [(f"{one.at.astimezone(TOKYO):%Y-%m-%d %H:%M}", one.what) for one in consequences]


def only(consequences: list[Consequence], what: Kind) -> list[Consequence]:
    return [one for one in consequences if one.what is what]


@pytest.mark.requirement("CAN-03", "CAN-04", "CAN-05", "CAN-08", "UND-01", "KIT-01", "CUS-05")
def test_a_cancellation_lists_everything_in_order() -> None:
    """From the mail at once to the day on which the customer may be deleted."""
    found = of_cancelling(YEARLY, date(2027, 9, 17), now=NOW, fee=Fee(39_000, 6_500, 6))
    assert told(found) == [
        ("2027-09-10 10:30", "contract_cancelled"),
        ("2027-09-10 10:30", "cancellation_fee"),
        ("2027-09-10 10:30", "mail"),
        ("2027-09-18 00:00", "contract_ends"),
        ("2027-09-18 00:00", "customer_cancelled"),
        ("2027-09-21 09:00", "return_kit_requested"),  # over a weekend and Respect for the Aged Day
        ("2027-09-21 09:00", "return_kit_requested"),
        ("2027-10-01 00:00", "undo_window_closes"),
        ("2027-10-05 00:00", "customer_deletable"),
        ("2027-10-18 00:00", "portal_closes"),
        ("2028-02-01 09:00", "renewal_notice_dropped"),
        ("2028-03-02 09:00", "renewal_notice_dropped"),
        ("2028-04-01 00:00", "renewal_prevented"),
    ]
    facts = {one.what: one.facts for one in found}
    assert facts[Kind.FEE] == {"amount": 39_000, "monthly_amount": 6_500, "months_left": 6, "fixed": False}
    assert facts[Kind.MAIL]["recipients"] == ["sales@partner.example", "desk@partner.example"]
    assert facts[Kind.ENDS]["last_day_of_service"] == "2027-09-17"
    kits = [one.facts for one in only(found, Kind.KIT_REQUESTED)]
    assert [kit["has_house_number"] for kit in kits] == [True, False]
    assert [kit["recipients"] for kit in kits] == [["taro@example.com"]] * 2
    assert {kit["earliest_due_date"] for kit in kits} == {"2027-10-19"}


@pytest.mark.requirement("CAN-03", "CAN-08")
def test_renewals_before_the_date_are_listed_with_their_notices() -> None:
    """The term that they begin is the one that ends early."""
    found = of_cancelling(YEARLY, date(2028, 4, 1), now=NOW)
    assert told(found)[:6] == [
        ("2027-09-10 10:30", "contract_cancelled"),
        ("2027-09-10 10:30", "mail"),
        ("2028-02-01 09:00", "mail"),
        ("2028-03-02 09:00", "mail"),
        ("2028-04-01 00:00", "contract_renews"),
        ("2028-04-02 00:00", "contract_ends"),
    ]
    assert only(found, Kind.MAIL)[1].facts == {
        "template": "contract_renewal_notice",
        "recipients": ["sales@partner.example", "desk@partner.example"],
        "term_number": 1,
        "term_start_date": "2028-04-01",
        "term_end_date": "2029-03-31",
        "last_free_date": "2028-03-31",
    }
    assert only(found, Kind.NO_RENEWAL)[0].facts["term_start_date"] == "2029-04-01"


@pytest.mark.requirement("CAN-03")
@pytest.mark.parametrize(
    ("stop", "at", "unless"), [(True, "2027-09-10 10:30", False), (False, "2027-09-18 00:00", True)]
)
def test_a_device_that_has_not_left_stays(stop: bool, at: str, unless: bool) -> None:  # noqa: FBT001 - a table's columns
    """At once when asked for, else at the contract's end if it is still here."""
    situation = replace(YEARLY, ships=True, devices=())
    found = of_cancelling(situation, date(2027, 9, 17), now=NOW, stop_shipment=stop)
    stopped = only(found, Kind.SHIPMENT_STOPPED)
    assert [(told([one])[0][0], one.facts["unless_shipped"]) for one in stopped] == [(at, unless)]


@pytest.mark.requirement("CAN-03", "UND-01", "KIT-01")
def test_without_a_utm_there_is_neither_kit_nor_undo() -> None:
    """Nor without any device a kit."""
    without = of_cancelling(replace(YEARLY, includes_utm=False, devices=()), date(2027, 9, 17), now=NOW)
    assert {one.what for one in without} & {Kind.KIT_REQUESTED, Kind.UNDO_CLOSES} == set()
    assert only(of_cancelling(replace(YEARLY, devices=()), date(2027, 9, 17), now=NOW), Kind.KIT_REQUESTED) == []


@pytest.mark.requirement("CAN-03", "CAN-05", "CUS-03", "CUS-05")
@pytest.mark.parametrize(
    ("others", "portal", "deletable"),
    [
        ((), "2027-10-18", "2027-10-05"),
        ((date(2027, 3, 31),), "2027-10-18", "2027-10-05"),
        ((date(2027, 12, 31),), "2028-01-31", "2028-01-05"),
        ((date(2027, 12, 31), None), None, None),
    ],
)
def test_what_the_customer_loses_depends_on_its_other_contracts(
    others: tuple[date | None, ...], portal: str | None, deletable: str | None
) -> None:
    """Everything follows from the one that ends last."""
    found = of_cancelling(replace(YEARLY, other_last_days=others), date(2027, 9, 17), now=NOW)
    days = {one.what: day_of(one.at, "Asia/Tokyo").isoformat() for one in found}
    assert (days.get(Kind.PORTAL_CLOSES), days.get(Kind.DELETABLE)) == (portal, deletable)
    assert (Kind.CUSTOMER_CANCELLED in days) == (portal is not None)


@pytest.mark.requirement("CAN-06", "CAN-03")
def test_a_later_date_lets_a_renewal_happen_after_all() -> None:
    """The notice that had fallen away goes out at once."""
    now = datetime(2028, 3, 10, tzinfo=UTC)
    found = of_moving(CANCELLED, date(2028, 4, 30), now=now)
    assert told(found)[:5] == [
        ("2028-03-10 09:00", "cancellation_moved"),
        ("2028-03-10 09:00", "mail"),
        ("2028-03-10 09:00", "mail"),
        ("2028-04-01 00:00", "contract_renews"),
        ("2028-05-01 00:00", "contract_ends"),
    ]
    assert [one.facts["template"] for one in only(found, Kind.MAIL)] == [
        "cancellation_moved",
        "contract_renewal_notice",
    ]
    assert found[0].facts == {"cancellation_date": "2028-04-30", "previous_date": "2028-03-20"}


@pytest.mark.requirement("UND-02", "UND-03", "UND-06")
def test_an_undo_before_the_end_brings_back_the_renewal_and_its_notice() -> None:
    """There are no kits yet, and the customer never lost its status."""
    found = of_undoing(CANCELLED, now=datetime(2028, 3, 10, tzinfo=UTC), fee=6_500)
    assert told(found) == [
        ("2028-03-10 09:00", "cancellation_undone"),
        ("2028-03-10 09:00", "fee_reversed"),
        ("2028-03-10 09:00", "mail"),
        ("2028-03-10 09:00", "mail"),
        ("2028-04-01 00:00", "contract_renews"),
    ]


@pytest.mark.requirement("UND-02", "UND-03")
def test_an_undo_after_the_end_makes_up_for_what_fell_due() -> None:
    """Renewals happen at once; each kit by where it stands."""
    kits = (
        replace(DEVICES[0], undoing=Kind.KIT_RECALLED),
        replace(DEVICES[1], undoing=Kind.SHIPMENT_BEGINS),
        Device("a1a1b2b2c3c5", "108-0073", "東京都港区三田1-1", undoing=Kind.KIT_STOPPED),
    )
    monthly = replace(
        YEARLY,
        calendar=Calendar(Terms(date(2027, 4, 15), 1, 1), "Asia/Tokyo", (), cancelled_for=date(2027, 9, 10)),
        cancelled_at=datetime(2027, 9, 1, tzinfo=UTC),
        devices=kits,
    )
    found = of_undoing(monthly, now=datetime(2027, 9, 20, tzinfo=UTC))
    assert told(found) == [
        ("2027-09-20 09:00", "cancellation_undone"),
        ("2027-09-20 09:00", "contract_renews"),
        ("2027-09-20 09:00", "shipment_begins"),
        ("2027-09-20 09:00", "customer_active"),
        ("2027-09-20 09:00", "return_kit_stopped"),
        ("2027-09-20 09:00", "return_kit_recalled"),
        ("2027-09-20 09:00", "mail"),
        ("2027-09-20 09:00", "portal_stays_open"),
        ("2027-10-15 00:00", "contract_renews"),
    ]
    assert only(found, Kind.KIT_RECALLED)[0].facts["recipients"] == ["taro@example.com"]


@pytest.mark.requirement("UND-03")
@pytest.mark.parametrize(
    ("state", "undoing"),
    [
        (ReturnKitState.PLANNED, Kind.KIT_STOPPED),
        (ReturnKitState.REQUESTED, Kind.KIT_STOPPED),
        (ReturnKitState.SENT, Kind.KIT_RECALLED),
        (ReturnKitState.UNDELIVERABLE, Kind.KIT_RECALLED),
        (ReturnKitState.UNRETURNED, Kind.KIT_RECALLED),
        (ReturnKitState.RECEIVED, Kind.SHIPMENT_BEGINS),
        (ReturnKitState.CLOSED, Kind.SHIPMENT_BEGINS),
        (ReturnKitState.STOPPED, None),
        (ReturnKitState.RECALLED, None),
        (ReturnKitState.ENDED, None),
    ],
)
def test_what_an_undo_means_for_a_kit_follows_from_its_state(state: ReturnKitState, undoing: Kind | None) -> None:
    """The same decision by which the kits themselves are undone."""
    assert kit_undoing(state) is undoing


@pytest.mark.requirement("UND-02", "CON-04")
def test_a_contract_that_expired_while_it_was_cancelled_is_expired_when_undone() -> None:
    """Before that it has its last day back."""
    once = replace(
        YEARLY, calendar=Calendar(Terms(date(2027, 3, 16), 6, 0), "Asia/Tokyo", (), cancelled_for=date(2027, 9, 10))
    )
    before, after = (of_undoing(once, now=datetime(2027, 9, day, tzinfo=UTC)) for day in (15, 20))
    assert told(only(before, Kind.EXPIRES)) == [("2027-09-16 00:00", "contract_expires")]
    assert told(only(after, Kind.EXPIRES)) == [("2027-09-20 09:00", "contract_expires")]


@pytest.mark.requirement("CON-08")
def test_a_change_tells_the_amounts() -> None:
    """Before and after."""
    assert of_changing(6_500, 9_500, now=NOW)[0].facts == {
        "monthly_amount": 9_500,
        "previous_monthly_amount": 6_500,
        "destination_changed": False,
    }


@pytest.mark.requirement("CAN-03")
@given(SITUATIONS, st.integers(0, 900), st.booleans())
def test_nothing_lies_before_the_command_and_nothing_is_told_twice(
    situation: Situation,
    days: int,
    moves: bool,  # noqa: FBT001 - drawn
) -> None:
    """In order of time, the same whether the date is the first or a moved one."""
    today = day_of(NOW, situation.calendar.zone)
    day = today + timedelta(days=days)
    if cancellation_date_errors(day, today, situation.calendar.terms):
        return
    found = (of_moving if moves else of_cancelling)(situation, day, now=NOW)
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert found[0].at == NOW
    assert len({repr(one) for one in found}) == len(found)
    closings = [one.at for one in only(found, Kind.UNDO_CLOSES)]
    assert closings == ([undo_deadline(day, situation.calendar.zone)] if situation.includes_utm else [])


@pytest.mark.requirement("CAN-03", "CAN-08")
@given(SITUATIONS, st.integers(0, 900))
def test_the_calendar_of_a_dry_run_is_the_one_the_contract_lives_by(situation: Situation, days: int) -> None:
    """Start, renewals, notices and end are those of the cancelled contract's own agenda."""
    zone = situation.calendar.zone
    today = day_of(NOW, zone)
    day = today + timedelta(days=days)
    if cancellation_date_errors(day, today, situation.calendar.terms):
        return
    found = of_cancelling(situation, day, now=NOW)
    lived = agenda(replace(situation.calendar, cancelled_for=day), NOW, datetime(2100, 1, 1, tzinfo=UTC))
    names = {Event.NOTICE: Kind.MAIL}
    calendar_kinds = {Kind.STARTS, Kind.RENEWS, Kind.ENDS, Kind.MAIL}
    dry = [(one.at, one.what) for one in found if one.what in calendar_kinds and one.at > NOW]
    assert dry == [(due.at, names.get(due.event, due.event)) for due in lived]


UNDECIDED = Undecided(
    applicant="taro@minato.example",
    users=["hanako@minato.example"],
    notification_addresses=[],
    signup=timedelta(days=7),
    signup_reminders_before_end=[timedelta(days=3), timedelta(days=1)],
    hold_silence=timedelta(days=30),
)


@pytest.mark.requirement("APP-13")
def test_an_approval_is_told_with_the_end_of_its_signups() -> None:
    """The mails of the day, the reminders three days and one before the end, and the end."""
    found = of_deciding(UNDECIDED, Decision.APPROVE, NOW)
    told = [(one.facts.get("template", one.what), (one.at - NOW).days) for one in found]
    assert sorted(told) == [
        ("application_decided", 0),
        ("application_result", 0),
        ("customer_created", 0),
        ("portal_user_signup", 0),
        ("signup_reminder", 4),
        ("signup_reminder", 6),
        ("signups_expire", 7),
    ]


@pytest.mark.requirement("CAN-03")
@pytest.mark.parametrize("language", Language)
def test_every_consequence_is_a_sentence_in_both_languages(language: Language) -> None:
    """With every fact it names, and who is told."""
    ships = replace(YEARLY, ships=True, notification_addresses=())
    every = [
        *of_cancelling(ships, date(2028, 4, 2), now=NOW, fee=Fee(1_000, 1_000, 1)),
        *of_cancelling(ships, date(2028, 4, 2), now=NOW, fee=Fee(1_000, 1_000, 1, is_fixed=True), stop_shipment=True),
        *of_moving(CANCELLED, date(2028, 4, 30), now=NOW),
        *of_undoing(replace(CANCELLED, devices=tuple(replace(DEVICES[0], undoing=kind) for kind in _UNDOING)), now=NOW),
        *of_undoing(replace(CANCELLED, was_stopped=True), now=datetime(2028, 3, 22, tzinfo=UTC), fee=5),
        *of_changing(1, 2, now=NOW),
        *of_deleting(portal_users=2, signups=1, additions=1, viewers=1, now=NOW),
        *(one for decision in Decision for one in of_deciding(UNDECIDED, decision, NOW)),
        Consequence(NOW, Kind.STARTS),
        Consequence(NOW, Kind.EXPIRES, {"last_day": "2028-03-31"}),
    ]
    assert {one.what for one in every} == set(Kind)
    sentences = [sentence(one, language) for one in every]
    assert all("{" not in said and said for said in sentences)
    assert any(("宛先なし" if language is Language.JA else "nobody") in said for said in sentences)
    assert any(("ご確認" if language is Language.JA else "please check") in said for said in sentences)


_UNDOING = (Kind.KIT_STOPPED, Kind.KIT_RECALLED, Kind.SHIPMENT_BEGINS)
