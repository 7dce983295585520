"""What is billed for a month that a contract covers only in part, and for its first one (BIL-01, CAT-02). Whole yen."""

import calendar
from datetime import date


def days_of_month(month: date) -> int:
    return calendar.monthrange(month.year, month.month)[1]


def days_in_service(month: date, first_day: date, last_day: date | None) -> int:
    """The days of the calendar month (any day of it) from the contract's first day to its last; None: it goes on."""
    begins = max(month.replace(day=1), first_day)
    ends = month.replace(day=days_of_month(month))
    ends = min(ends, last_day) if last_day else ends
    return max((ends - begins).days + 1, 0)


def prorated(amount: int, days: int, of_days: int) -> int:
    """By days; what is less than a yen is not charged."""
    return amount * days // of_days


def discounted(amount: int, percent: int) -> int:
    """What a first-month discount leaves to pay (CAT-02); what is less than a yen is not charged."""
    return amount * (100 - percent) // 100
