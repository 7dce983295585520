"""Dates, names and states in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mail_templates.wording import (
    application_state,
    day,
    length_of_time,
    moment,
    nothing,
    person_name,
    recipient_name,
    restart_failure,
)
from models.device_vocabulary import RestartReason
from models.vocabulary import ApplicationState, Language

JA, EN = Language.JA, Language.EN
INSTANT = datetime(2027, 1, 5, 1, 0, tzinfo=UTC)


@pytest.mark.requirement("GEN-01")
@pytest.mark.parametrize(
    ("zone", "language", "shown"),
    [
        ("Asia/Tokyo", JA, "2027年1月5日(火) 10:00"),
        ("Asia/Tokyo", EN, "Tue 5 January 2027, 10:00 (JST)"),
        ("America/New_York", JA, "2027年1月4日(月) 20:00（EST）"),
        ("Asia/Singapore", EN, "Tue 5 January 2027, 09:00 (UTC+08:00)"),
        ("Asia/Kathmandu", EN, "Tue 5 January 2027, 06:45 (UTC+05:45)"),
    ],
)
def test_an_instant_is_shown_in_the_tenants_zone(zone: str, language: Language, shown: str) -> None:
    """With the zone, where the reader could be in doubt."""
    assert moment(INSTANT, zone, language) == shown


def test_summer_time_is_named_as_such() -> None:
    """An instant in July is not in the same zone as one in January."""
    assert moment(datetime(2027, 7, 5, 12, 0, tzinfo=UTC), "Europe/Berlin", EN) == "Mon 5 July 2027, 14:00 (CEST)"


def test_a_date_names_its_weekday() -> None:
    """Both languages."""
    assert day(date(2028, 2, 29), JA) == "2028年2月29日(火)"
    assert day(date(2028, 2, 29), EN) == "Tue 29 February 2028"


@pytest.mark.parametrize(
    ("length", "japanese", "english"),
    [
        (timedelta(hours=1), "1時間", "1 hour"),
        (timedelta(hours=36), "36時間", "36 hours"),
        (timedelta(days=7), "7日", "7 days"),
        (timedelta(minutes=90), "90分", "90 minutes"),
    ],
)
def test_a_length_of_time_is_told_exactly(length: timedelta, japanese: str, english: str) -> None:
    """In the largest unit that measures it."""
    assert length_of_time(length, JA) == japanese
    assert length_of_time(length, EN) == english


def test_a_name_stands_in_the_order_of_its_language() -> None:
    """Family name first in Japanese."""
    assert person_name("山田", "太郎", JA) == "山田 太郎"
    assert person_name("Yamada", "Taro", EN) == "Taro Yamada"
    assert person_name("山田", "", JA) == "山田"


def test_every_state_has_its_word_in_both_languages() -> None:
    """And no two share one."""
    for language in Language:
        assert len({application_state(state, language) for state in ApplicationState}) == len(ApplicationState)


def test_there_are_words_where_there_is_no_value() -> None:
    """A greeting without a name, a date that was never planned before."""
    assert recipient_name(None, JA) == "ご担当者"
    assert recipient_name(None, EN) == "Sir or Madam"
    assert recipient_name("山田 太郎", JA) == "山田 太郎"
    assert nothing(EN) != ""


@pytest.mark.requirement("RST-05")
def test_why_a_restart_failed_is_told_with_at_most_a_line_of_the_devices_own_words() -> None:
    """A reason without words of its own stands alone."""
    assert restart_failure(RestartReason.OFFLINE, None, EN) == "the UTM could not be reached"
    quoted = restart_failure(RestartReason.DEVICE, " fan\n1 \t stuck ", EN)
    assert quoted == "the UTM reported that it could not restart (“fan 1 stuck”)"
    cut = restart_failure(RestartReason.DEVICE, "長" * 1000, JA)
    assert cut == f"UTMから再起動できないとの連絡がありました（「{'長' * 199}…」）"
