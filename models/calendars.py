"""Which days are business days, by country (APP-15, SHP-04, KIT-01)."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache

import holidays

_WEEKDAYS = 5


@lru_cache
def is_business_day(country: str) -> Callable[[date], bool]:
    """A predicate for the country (ISO 3166-1 alpha-2). Japan's banks' days off, 31 December to 3 January, count too.

    Of a country whose holidays nobody has collected, Monday to Friday are business days.
    """
    if country not in holidays.list_supported_countries():
        return _is_weekday
    offered = holidays.country_holidays(country).supported_categories
    categories = tuple(category for category in (holidays.PUBLIC, holidays.BANK) if category in offered)
    return holidays.country_holidays(country, categories=categories or None).is_working_day


def _is_weekday(day: date) -> bool:
    return day.weekday() < _WEEKDAYS
