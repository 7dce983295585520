"""The dates of a return kit: sending, due date, reminders, and when the device counts as kept (KIT-01, KIT-04).

All days are counted from the day the kit was sent, in the tenant's zone; that day is day 0.
"""

from datetime import date, datetime, timedelta

from models.rules.business_days import IsBusinessDay, next_business_day
from models.rules.periods import morning_of, start_of_day


def kit_request_day(cancellation_date: date, is_business_day: IsBusinessDay) -> date:
    """The first business day after the cancellation date (KIT-01)."""
    return next_business_day(cancellation_date, is_business_day)


def kit_requested_at(cancellation_date: date, zone: str, is_business_day: IsBusinessDay) -> datetime:
    """09:00 of that day: the carrier is asked when a business day begins, not at midnight. In UTC."""
    return morning_of(kit_request_day(cancellation_date, is_business_day), zone)


def kit_due_date(sent_on: date, due: timedelta) -> date:
    """The day by which the customer is asked to send the device (KIT-01)."""
    return sent_on + due


def kit_reminders(sent_on: date, zone: str, days: tuple[timedelta, ...]) -> list[datetime]:
    """When the customer is reminded, the earliest first: 09:00 of each day. In UTC."""
    return sorted(morning_of(sent_on + after, zone) for after in days)


def kit_unreturned_at(sent_on: date, zone: str, patience: timedelta) -> datetime:
    """The first instant after the last day of patience (KIT-04). In UTC."""
    return start_of_day(sent_on + patience + timedelta(days=1), zone)
