"""A contract as somebody with a paper calendar would keep it: day by day, by hand, knowing none of the product's rules.

Only the day and the time of day in the tenant's zone exist here. What the product has to agree with: terms, status,
mails, fees and return kits.
"""

import calendar
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

DAY = timedelta(days=1)
MIDNIGHT, MORNING = time(), time(9)
EARLY = (60, 30)  # days before a renewal
SHEET_ENDS = date(2036, 1, 1)
"""The paper calendar's last day."""


def months_later(day: date, months: int) -> date:
    """One month after the other on the paper calendar; where the day is missing, the first of the next month."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    if day.day <= calendar.monthrange(year, month)[1]:
        return date(year, month, day.day)
    return months_later(date(year, month, 1), 1)


@dataclass(frozen=True)
class Mail:
    """One mail, and the day it is from."""

    day: date
    template: str


@dataclass(frozen=True)
class Missed:
    """A notice that fell away while its renewal was not to be."""

    day: date
    renewal: date


@dataclass
class Kit:
    utm_id: str
    ended_on: date
    state: str = "planned"
    sent_on: date | None = None


@dataclass
class Charge:
    """A cancellation fee, of the day it was put on the account."""

    day: date
    amount: int
    is_reversed: bool = False


@dataclass
class PlainContract:
    """Lengths in months; `monthly`: yen a month, None for a contract that is not billed by the month."""

    start: date
    initial: int
    renewal: int
    utm_ids: tuple[str, ...]
    includes_utm: bool
    monthly: int | None
    is_business_day: Callable[[date], bool]
    status: str = "active"
    cancelled_for: date | None = None
    fee_charged: bool = False
    has_ended: bool = False
    term: int = 0
    mails: list[Mail] = field(default_factory=list)
    kits: list[Kit] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Mark the first day of every term, and the day after the last where nothing renews."""
        self.begins = [self.start, months_later(self.start, self.initial)]
        while self.renewal and self.begins[-1] < SHEET_ENDS:
            self.begins.append(months_later(self.start, self.initial + (len(self.begins) - 1) * self.renewal))
        self.renewals = frozenset(self.begins[1:] if self.renewal else ())

    # The calendar.

    @property
    def ends(self) -> date:
        """The last day of the present term."""
        return self.begins[self.term + 1] - DAY

    def live(self, after: datetime, until: datetime) -> None:
        """Every midnight and every morning in between. Both in the tenant's own time, without a zone."""
        day = after.date()
        while day <= until.date():
            if after < datetime.combine(day, MIDNIGHT) <= until:
                self.midnight(day)
            if after < datetime.combine(day, MORNING) <= until:
                self.morning(day)
            day += DAY

    def midnight(self, today: date) -> None:
        self._look_at_kits(today)
        if self.has_ended:
            return
        if self.status == "cancelled" and self.cancelled_for and self.cancelled_for < today:
            self._end(self.cancelled_for)
        elif not self.renewal and today > self.ends:
            self.status = "expired"
            self._end(self.ends)
        elif self.renewal and today > self.ends:
            self.term += 1

    def morning(self, today: date) -> None:
        for kit in self.kits:
            if kit.state == "planned" and today > kit.ended_on and self.is_business_day(today):
                kit.state = "requested"
            if kit.state == "sent" and kit.sent_on and (today - kit.sent_on).days in (14, 28, 42):
                self.mails.append(Mail(today, "return_kit_reminder"))
        for early in EARLY:
            if today + early * DAY in self.renewals and not (self.has_ended and self.status == "expired"):
                self._notice(today, today + early * DAY)

    # Commands. Each returns None, or the code of its refusal.

    def apply(self, today: date) -> None:
        self.mails.append(Mail(today, "contract_applied"))

    def cancel(self, day: date, now: datetime, *, with_fee: bool) -> str | None:
        if self.status != "active":
            return "already_cancelled" if self.status == "cancelled" else "wrong_state"
        if day < now.date() or (not self.renewal and day > self.ends) or (with_fee and self.monthly is None):
            return "invalid_input"
        self.status, self.cancelled_for, self.fee_charged = "cancelled", day, with_fee
        self._charge(now.date())
        self.mails.append(Mail(now.date(), "contract_cancelled"))
        return None

    def move(self, day: date, now: datetime) -> str | None:
        if self.status != "cancelled":
            return "wrong_state"
        if self.has_ended:
            return "cancellation_over"
        if day == self.cancelled_for:
            return "nothing_changed"
        if day < now.date() or (not self.renewal and day > self.ends):
            return "invalid_input"
        self.cancelled_for = day
        self._reverse()
        self._charge(now.date())
        self.mails.append(Mail(now.date(), "cancellation_moved"))
        self._make_up(now, until=day)
        return None

    def undo(self, now: datetime) -> str | None:
        if self.status != "cancelled" or self.cancelled_for is None:
            return "wrong_state"
        if not self.includes_utm:
            return "undo_not_offered"
        if (now.year, now.month) > (self.cancelled_for.year, self.cancelled_for.month):
            return "undo_window_closed"
        self.status, self.cancelled_for, self.fee_charged, self.has_ended = "active", None, False, False
        self._reverse()
        self.mails.append(Mail(now.date(), "cancellation_undone"))
        while self.renewal and now.date() > self.ends:
            self.term += 1
        if not self.renewal and now.date() > self.ends:
            self.status, self.has_ended = "expired", True
        else:
            self._undo_kits(now.date())
        self._make_up(now, until=SHEET_ENDS)
        self.missed.clear()
        return None

    def kit_sent(self, kit: Kit, today: date) -> None:
        """The carrier has taken it."""
        kit.state, kit.sent_on = "sent", today
        self.mails.append(Mail(today, "return_kit_sent"))

    # By hand.

    def _end(self, last_day: date) -> None:
        self.has_ended = True
        if self.includes_utm:
            self.kits += [Kit(utm_id, last_day) for utm_id in self.utm_ids]

    def _look_at_kits(self, today: date) -> None:
        """After day 56 the device counts as kept."""
        for kit in self.kits:
            if kit.state == "sent" and kit.sent_on and (today - kit.sent_on).days > 56:
                kit.state = "unreturned"
                self.mails.append(Mail(today, "return_kit_unreturned"))

    def _undo_kits(self, today: date) -> None:
        for kit in self.kits:
            if kit.state in ("planned", "requested"):
                kit.state = "stopped"
            elif kit.state in ("sent", "unreturned"):
                kit.state = "recalled"
                self.mails.append(Mail(today, "return_kit_recalled"))

    def _notice(self, today: date, renewal: date) -> None:
        if self.cancelled_for is None or renewal <= self.cancelled_for:
            self.mails.append(Mail(today, "contract_renewal_notice"))
        else:
            self.missed.append(Missed(today, renewal))

    def _make_up(self, now: datetime, *, until: date) -> None:
        """One notice: of the first renewal still to come that is on again."""
        on_again = [missed for missed in self.missed if missed.renewal <= until]
        self.missed = [missed for missed in self.missed if missed not in on_again]
        if any(missed.renewal > now.date() for missed in on_again):
            self.mails.append(Mail(now.date(), "contract_renewal_notice"))

    def _charge(self, today: date) -> None:
        if not self.fee_charged or self.cancelled_for is None or self.monthly is None:
            return
        amount = self.monthly * self.months_left(self.cancelled_for)
        if amount:
            self.charges.append(Charge(today, amount))

    def _reverse(self) -> None:
        for charge in self.charges:
            charge.is_reversed = True

    def months_left(self, day: date) -> int:
        """The contract's months that begin after the day and before the end of the term that the day lies in."""
        term = max((number for number, begins in enumerate(self.begins[:-1]) if begins <= day), default=0)
        if not self.renewal and day > self.ends:
            return 0
        months = [months_later(self.start, month) for month in range(self.initial + term * self.renewal)]
        return sum(day < month and self.begins[term] <= month < self.begins[term + 1] for month in months)
