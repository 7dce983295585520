"""Business days by country: neither weekend nor public holiday, nor, in Japan, the banks' days around New Year."""

import functools
from collections.abc import Callable
from datetime import date

import holidays

_BANK_COUNTRIES = {"JP"}


def is_business_day(country: str) -> Callable[[date], bool]:
    """The predicate of a country (ISO 3166, two letters)."""
    calendar = _calendar(country)
    return calendar.is_working_day


@functools.cache
def _calendar(country: str) -> holidays.HolidayBase:
    categories = ("public", "bank") if country in _BANK_COUNTRIES else ("public",)
    return holidays.country_holidays(country, categories=categories)
